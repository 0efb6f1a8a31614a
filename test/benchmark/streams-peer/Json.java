import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** JSON by Jackson's data binding (the jars that Kafka itself depends on). All fields are bound, as JSON.parse makes them all. */
final class Json {
  private Json() {}

  static <T> Serde<T> serde(Class<T> type) {
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
