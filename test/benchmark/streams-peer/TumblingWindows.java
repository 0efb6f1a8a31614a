import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/** Sum and count for each text key and window, given once, when the window is over. */
public final class TumblingWindows implements Peer {
  public static final class Result {
    public long start;
    public long sum;
    public long count;
  }

  @Override
  public void build(StreamsBuilder builder, Map<String, String> words) {
    final Serde<Total> totals = Json.serde(Total.class);
    builder
        .stream(words.get("input"), Consumed.with(Serdes.String(), Json.serde(Payment.class)))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMillis(Long.parseLong(words.get("windowMs")))))
        .aggregate(
            Total::new,
            Total::add,
            Materialized.<String, Total, WindowStore<Bytes, byte[]>>as("windows").withKeySerde(Serdes.String()).withValueSerde(totals))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream()
        .map((windowed, total) -> {
          final Result result = new Result();
          result.start = windowed.window().start();
          result.sum = total.sum;
          result.count = total.count;
          return KeyValue.pair(windowed.key(), result);
        })
        .to(words.get("output"), Produced.with(Serdes.String(), Json.serde(Result.class)));
  }
}
