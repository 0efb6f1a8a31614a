import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The verifier's own eyes: what is in a Kafka, by Kafka's own Java client and by nothing of Millrace.
 *
 * Started with the brokers; one question a line on standard input, answers as JSON lines, the last one {"kind":"done"} or
 * {"kind":"failed","why"}. Bytes are base64, absent ones null.
 *
 *   ranges PREFIX       start, end and last stable offset of each partition of the topics with the prefix, and of __consumer_offsets
 *   transactions PREFIX transactional ids with the prefix, and their state at the coordinator
 *   positions GROUP     committed positions
 *   records TOPIC       all committed records up to the last stable offset of now, partition by partition in their order
 *   state TOPIC         a changelog read from start to end: what is left by key, resets obeyed
 */
public final class IndependentReader {
  private static final long STALLED_MS = 120_000;
  /** First byte of the keys of a changelog: engine.md, "Changelog records". */
  private static final byte RESET = 1;
  private static final byte CHANGE = 2;

  private final Properties common = new Properties();
  private final Admin admin;
  private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  private IndependentReader(String brokers) {
    common.put("bootstrap.servers", brokers);
    admin = Admin.create(common);
  }

  public static void main(String[] words) throws Exception {
    var reader = new IndependentReader(words[0]);
    var questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = questions.readLine(); line != null; line = questions.readLine()) {
      try {
        reader.answer(line.split(" ", 2));
        reader.say("{\"kind\":\"done\"}");
      } catch (Exception error) {
        reader.say("{\"kind\":\"failed\",\"why\":" + quoted(String.valueOf(error)) + "}");
      }
      reader.out.flush();
    }
  }

  private void answer(String[] question) throws Exception {
    switch (question[0]) {
      case "ranges" -> ranges(question[1]);
      case "transactions" -> transactions(question[1]);
      case "positions" -> positions(question[1]);
      case "records" -> records(question[1]);
      case "state" -> state(question[1]);
      default -> throw new IllegalArgumentException("unknown question " + question[0]);
    }
  }

  private void ranges(String prefix) throws Exception {
    Set<String> names = new HashSet<>();
    for (String name : admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get())
      if (name.startsWith(prefix) || name.equals("__consumer_offsets")) names.add(name);
    List<TopicPartition> partitions = new ArrayList<>();
    for (TopicDescription topic : admin.describeTopics(names).allTopicNames().get().values())
      topic.partitions().forEach(partition -> partitions.add(new TopicPartition(topic.name(), partition.partition())));
    var starts = offsets(partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED);

    var ends = offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
    var stable = offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED);
    for (TopicPartition one : partitions)
      say(head("range", one) + ",\"start\":" + starts.get(one) + ",\"end\":" + ends.get(one) + ",\"stable\":" + stable.get(one) + "}");
  }

  private Map<TopicPartition, Long> offsets(List<TopicPartition> partitions, OffsetSpec spec, IsolationLevel level) throws Exception {
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    partitions.forEach(one -> wanted.put(one, spec));
    Map<TopicPartition, Long> found = new HashMap<>();
    for (Map.Entry<TopicPartition, ListOffsetsResultInfo> one :
        admin.listOffsets(wanted, new ListOffsetsOptions(level)).all().get().entrySet())
      found.put(one.getKey(), one.getValue().offset());
    return found;
  }

  private void transactions(String prefix) throws Exception {
    for (TransactionListing one : admin.listTransactions().all().get())
      if (one.transactionalId().startsWith(prefix))
        say("{\"kind\":\"transaction\",\"id\":" + quoted(one.transactionalId()) + ",\"state\":" + quoted(one.state().toString()) + "}");
  }

  private void positions(String group) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> found = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    for (Map.Entry<TopicPartition, OffsetAndMetadata> one : found.entrySet())
      if (one.getValue() != null) say(head("position", one.getKey()) + ",\"position\":" + one.getValue().offset() + "}");
  }

  private interface Visitor {
    void visit(ConsumerRecord<byte[], byte[]> record);
  }

  private void records(String topic) {
    visit(topic, record -> {
      var line = new StringBuilder(head("record", new TopicPartition(topic, record.partition())));
      line.append(",\"offset\":").append(record.offset());
      line.append(",\"key\":").append(bytes(record.key())).append(",\"value\":").append(bytes(record.value())).append(",\"headers\":[");
      String comma = "";
      for (Header header : record.headers()) {
        line.append(comma).append('[').append(quoted(header.key())).append(',').append(bytes(header.value())).append(']');
        comma = ",";
      }
      say(line.append("]}").toString());
    });
  }

  private void state(String topic) {
    Map<Integer, Map<ByteBuffer, byte[]>> left = new HashMap<>();
    visit(topic, record -> {
      var entries = left.computeIfAbsent(record.partition(), partition -> new LinkedHashMap<>());
      byte kind = record.key()[0];
      if (kind == RESET) entries.clear();
      if (kind != CHANGE) return;
      if (record.value() == null) entries.remove(ByteBuffer.wrap(record.key()));
      else entries.put(ByteBuffer.wrap(record.key()), record.value());
    });
    left.forEach((partition, entries) -> entries.forEach((key, value) ->
        say(head("entry", new TopicPartition(topic, partition)) + ",\"key\":" + bytes(key.array()) + ",\"value\":" + bytes(value) + "}")));
  }

  /** Ends at offsets that are known before it begins: how busy the machine is plays no part. */
  private void visit(String topic, Visitor visitor) {
    var settings = new Properties();
    settings.putAll(common);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "none");
    settings.put("check.crcs", "true");
    // Nothing more comes: a partition that is read to its end must not hold the others back.
    settings.put("fetch.max.wait.ms", "10");
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(one -> partitions.add(new TopicPartition(topic, one.partition())));
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      consumer.seekToBeginning(partitions);
      Set<TopicPartition> open = new HashSet<>(partitions);
      long stalledAt = System.nanoTime() + STALLED_MS * 1_000_000;
      while (true) {
        long before = open.size();
        open.removeIf(one -> consumer.position(one) >= ends.get(one));
        if (open.isEmpty()) return;
        consumer.pause(partitions.stream().filter(one -> !open.contains(one)).toList());
        var records = consumer.poll(Duration.ofMillis(200));
        for (var record : records)
          if (record.offset() < ends.get(new TopicPartition(topic, record.partition()))) visitor.visit(record);
        if (!records.isEmpty() || open.size() < before) stalledAt = System.nanoTime() + STALLED_MS * 1_000_000;
        if (System.nanoTime() > stalledAt) throw new IllegalStateException("no record for " + STALLED_MS + " ms; not read to the end: " + open);
      }
    }
  }

  private void say(String line) {
    out.println(line);
  }

  private static String head(String kind, TopicPartition of) {
    return "{\"kind\":\"" + kind + "\",\"topic\":\"" + of.topic() + "\",\"partition\":" + of.partition();
  }

  private static String bytes(byte[] bytes) {
    return bytes == null ? "null" : "\"" + Base64.getEncoder().encodeToString(bytes) + "\"";
  }

  private static String quoted(String text) {
    var safe = new StringBuilder("\"");
    for (char one : text.toCharArray()) {
      if (one < 0x20 || one > 0x7e || one == '"' || one == '\\') safe.append(String.format("\\u%04x", (int) one));
      else safe.append(one);
    }
    return safe.append('"').toString();
  }
}
