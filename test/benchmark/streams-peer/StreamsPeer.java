import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The peer of test/benchmark/kappa/topology.ts: the same aggregate as a Kafka Streams user would write it. Sum and count per text key,
 * JSON by Jackson's data binding (the jars that Kafka itself depends on), a persistent RocksDB store with its changelog, record cache on,
 * exactly_once_v2. Everything that is not set below has the default of Kafka Streams.
 *
 * <p>Arguments: brokers, application id, input topic, output topic, threads, commit interval ms, cache MiB (-1: the default, 10),
 * state directory. Says `bench:first <epoch ms>` on stderr when the first record is added; the harness measures everything else from
 * outside, in the same way for both. Runs until SIGTERM, or until its stdin ends, which means that the harness has died.
 */
public final class StreamsPeer {
  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  /** All fields are bound, as JSON.parse makes them all. */
  public static final class Payment {
    public long amount;
    public String currency;
    public String city;
    public String card;
    public long at;
  }

  public static final class Total {
    public long sum;
    public long count;
  }

  private StreamsPeer() {}

  public static void main(String[] arguments) throws InterruptedException {
    final String input = arguments[2];
    final String output = arguments[3];
    final KafkaStreams streams = new KafkaStreams(topology(input, output), settings(arguments));
    final CountDownLatch ended = new CountDownLatch(1);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      streams.close();
      ended.countDown();
    }));
    endWithStdin();
    streams.start();
    ended.await();
  }

  private static void endWithStdin() {
    final Thread watch = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {}
      } catch (IOException error) {
        error.printStackTrace();
      }
      Runtime.getRuntime().halt(1);
    });
    watch.setDaemon(true);
    watch.start();
  }

  private static org.apache.kafka.streams.Topology topology(String input, String output) {
    final Serde<Total> totals = json(Total.class);
    final StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(input, Consumed.with(Serdes.String(), json(Payment.class)))
        .groupByKey()
        .aggregate(
            Total::new,
            (key, payment, total) -> {
              if (!BEGUN.get() && BEGUN.compareAndSet(false, true)) System.err.println("bench:first " + System.currentTimeMillis());
              total.sum += payment.amount;
              total.count += 1;
              return total;
            },
            Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>as("sum").withKeySerde(Serdes.String()).withValueSerde(totals))
        .toStream()
        .to(output, Produced.with(Serdes.String(), totals));
    return builder.build();
  }

  private static Properties settings(String[] arguments) {
    final Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[4]);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[7]);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    final long cacheMiB = Long.parseLong(arguments[6]);
    if (cacheMiB >= 0) settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, cacheMiB << 20);
    return settings;
  }

  private static <T> Serde<T> json(Class<T> type) {
    final ObjectMapper mapper = new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    final ObjectReader reader = mapper.readerFor(type);
    final ObjectWriter writer = mapper.writerFor(type);
    final Serializer<T> serializer = (topic, value) -> {
      if (value == null) return null;
      try {
        return writer.writeValueAsBytes(value);
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    };
    final Deserializer<T> deserializer = (topic, bytes) -> {
      if (bytes == null) return null;
      try {
        return reader.readValue(bytes);
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    };
    return Serdes.serdeFrom(serializer, deserializer);
  }
}
