import java.util.Map;
import org.apache.kafka.streams.StreamsBuilder;

/** One topology of the benchmark, the same as that of the workload in ../workloads which names this class. Has a constructor without arguments. */
public interface Peer {
  /** `words` are those of the command line; `input` and `output` are always there. */
  void build(StreamsBuilder builder, Map<String, String> words);
}
