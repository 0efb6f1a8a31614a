import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** Sum and count for each text key, Avro in and out. */
public final class AvroSum implements Peer {
  private static final int PAYMENT_ID = 1;
  private static final int TOTAL_ID = 2;

  @Override
  public void build(StreamsBuilder builder, Map<String, String> words) {
    final Serde<AvroPayment> payments = Avro.serde(AvroPayment.class, AvroPayment.SCHEMA$, PAYMENT_ID);
    final Serde<AvroTotal> totals = Avro.serde(AvroTotal.class, AvroTotal.SCHEMA$, TOTAL_ID);
    builder
        .stream(words.get("input"), Consumed.with(Serdes.String(), payments))
        .groupByKey()
        .aggregate(
            AvroTotal::new,
            AvroTotal::add,
            Materialized.<String, AvroTotal, KeyValueStore<Bytes, byte[]>>as("sum").withKeySerde(Serdes.String()).withValueSerde(totals))
        .toStream()
        .to(words.get("output"), Produced.with(Serdes.String(), totals));
  }
}
