import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Half of the records, each made into another one. */
public final class StatelessMap implements Peer {
  public static final class Charge {
    public long cents;
    public String card;
    public long at;
  }

  @Override
  public void build(StreamsBuilder builder, Map<String, String> words) {
    builder
        .stream(words.get("input"), Consumed.with(Serdes.String(), Json.serde(Payment.class)))
        .filter((key, payment) -> payment.amount >= 50_000)
        .mapValues(payment -> {
          final Charge charge = new Charge();
          charge.cents = payment.amount;
          charge.card = payment.card;
          charge.at = payment.at;
          return charge;
        })
        .to(words.get("output"), Produced.with(Serdes.String(), Json.serde(Charge.class)));
  }
}
