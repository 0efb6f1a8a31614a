import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;

/**
 * Runs one topology of the benchmark as a Kafka Streams user would: persistent RocksDB stores with their changelogs, record cache on,
 * exactly_once_v2. Everything that is not set below has the default of Kafka Streams.
 *
 * <p>Words of the command line, each `name=value`: peer (a class beside this one), brokers, application, threads, commitMs, cacheBytes,
 * state, `set.<name>` for further settings, and what the peer wants (input, output, ...). Runs until SIGTERM, or until its stdin ends, which means that the harness has died.
 */
public final class StreamsPeer {
  private StreamsPeer() {}

  public static void main(String[] arguments) throws ReflectiveOperationException, InterruptedException {
    final Map<String, String> words = new HashMap<>();
    for (final String argument : arguments) words.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
    final StreamsBuilder builder = new StreamsBuilder();
    ((Peer) Class.forName(words.get("peer")).getDeclaredConstructor().newInstance()).build(builder, words);
    final Properties settings = settings(words);
    final KafkaStreams streams = new KafkaStreams(builder.build(settings), settings);
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

  private static Properties settings(Map<String, String> words) {
    final Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, words.get("brokers"));
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, words.get("application"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, words.get("threads"));
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, words.get("commitMs"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, words.get("state"));
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    // As Millrace: what a crash costs must not be the difference between two time-outs.
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), "10000");
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, words.get("cacheBytes"));
    words.forEach((name, value) -> {
      if (name.startsWith("set.")) settings.put(name.substring("set.".length()), value);
    });
    return settings;
  }
}
