import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecordBase;

/** As Avro's compiler would make it of the schema in ../kappa/avro-schemas.ts. */
public final class AvroPayment extends SpecificRecordBase {
  public static final Schema SCHEMA$ = new Schema.Parser().parse(
      "{\"type\":\"record\",\"name\":\"AvroPayment\",\"fields\":[{\"name\":\"amount\",\"type\":\"long\"},{\"name\":\"currency\",\"type\":\"string\"},"
          + "{\"name\":\"city\",\"type\":\"string\"},{\"name\":\"card\",\"type\":\"string\"},{\"name\":\"at\",\"type\":\"long\"}]}");

  public long amount;
  public CharSequence currency;
  public CharSequence city;
  public CharSequence card;
  public long at;

  @Override
  public Schema getSchema() {
    return SCHEMA$;
  }

  @Override
  public Object get(int field) {
    switch (field) {
      case 0: return amount;
      case 1: return currency;
      case 2: return city;
      case 3: return card;
      case 4: return at;
      default: throw new IndexOutOfBoundsException("field " + field);
    }
  }

  @Override
  public void put(int field, Object value) {
    switch (field) {
      case 0: amount = (Long) value; break;
      case 1: currency = (CharSequence) value; break;
      case 2: city = (CharSequence) value; break;
      case 3: card = (CharSequence) value; break;
      case 4: at = (Long) value; break;
      default: throw new IndexOutOfBoundsException("field " + field);
    }
  }
}
