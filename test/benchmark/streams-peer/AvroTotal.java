import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecordBase;

/** As Avro's compiler would make it of the schema in ../kappa/avro-schemas.ts. */
public final class AvroTotal extends SpecificRecordBase {
  public static final Schema SCHEMA$ = new Schema.Parser().parse(
      "{\"type\":\"record\",\"name\":\"AvroTotal\",\"fields\":[{\"name\":\"sum\",\"type\":\"long\"},{\"name\":\"count\",\"type\":\"long\"}]}");

  public long sum;
  public long count;

  static AvroTotal add(String key, AvroPayment payment, AvroTotal total) {
    total.sum += payment.amount;
    total.count += 1;
    return total;
  }

  @Override
  public Schema getSchema() {
    return SCHEMA$;
  }

  @Override
  public Object get(int field) {
    switch (field) {
      case 0: return sum;
      case 1: return count;
      default: throw new IndexOutOfBoundsException("field " + field);
    }
  }

  @Override
  public void put(int field, Object value) {
    switch (field) {
      case 0: sum = (Long) value; break;
      case 1: count = (Long) value; break;
      default: throw new IndexOutOfBoundsException("field " + field);
    }
  }
}
