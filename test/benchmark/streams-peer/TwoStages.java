import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** Another key, through a repartition topic, and the sum for each of these. */
public final class TwoStages implements Peer {
  @Override
  public void build(StreamsBuilder builder, Map<String, String> words) {
    final Serde<Payment> payments = Json.serde(Payment.class);
    final Serde<Total> totals = Json.serde(Total.class);
    builder
        .stream(words.get("input"), Consumed.with(Serdes.String(), payments))
        .groupBy((account, payment) -> payment.card, Grouped.with("card", Serdes.String(), payments))
        .aggregate(
            Total::new,
            Total::add,
            Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>as("sum").withKeySerde(Serdes.String()).withValueSerde(totals))
        .toStream()
        .to(words.get("output"), Produced.with(Serdes.String(), totals));
  }
}
