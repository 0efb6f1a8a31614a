import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** Sum and count for each text key. */
public final class Sum implements Peer {
  @Override
  public void build(StreamsBuilder builder, Map<String, String> words) {
    final Serde<Total> totals = Json.serde(Total.class);
    builder
        .stream(words.get("input"), Consumed.with(Serdes.String(), Json.serde(Payment.class)))
        .groupByKey()
        .aggregate(
            Total::new,
            Total::add,
            Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>as("sum").withKeySerde(Serdes.String()).withValueSerde(totals))
        .toStream()
        .to(words.get("output"), Produced.with(Serdes.String(), totals));
  }
}
