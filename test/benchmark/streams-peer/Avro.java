import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Avro as the registry's own serializers write it: byte 0, id of the schema, value. The id is given, so nobody is asked for it; that makes
 * this one no slower than those, which look it up in a map for each record.
 */
final class Avro {
  private static final int FRAME_BYTES = 5;

  private Avro() {}

  static <T extends SpecificRecordBase> Serde<T> serde(Class<T> type, Schema schema, int id) {
    final ThreadLocal<SpecificDatumReader<T>> readers = ThreadLocal.withInitial(() -> new SpecificDatumReader<>(type));
    final ThreadLocal<SpecificDatumWriter<T>> writers = ThreadLocal.withInitial(() -> new SpecificDatumWriter<>(schema));
    final ThreadLocal<BinaryDecoder> decoders = ThreadLocal.withInitial(() -> DecoderFactory.get().binaryDecoder(new byte[0], null));
    final Serializer<T> serializer = (topic, value) -> {
      if (value == null) return null;
      try {
        final ByteArrayOutputStream out = new ByteArrayOutputStream(64);
        out.write(0);
        out.write(ByteBuffer.allocate(4).putInt(id).array());
        final BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        writers.get().write(value, encoder);
        encoder.flush();
        return out.toByteArray();
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    };
    final Deserializer<T> deserializer = (topic, bytes) -> {
      if (bytes == null) return null;
      final int found = ByteBuffer.wrap(bytes, 1, 4).getInt();
      if (bytes[0] != 0 || found != id) throw new SerializationException("not written by schema " + id + " but by " + found);
      try {
        return readers.get().read(null, DecoderFactory.get().binaryDecoder(bytes, FRAME_BYTES, bytes.length - FRAME_BYTES, decoders.get()));
      } catch (IOException error) {
        throw new SerializationException(error);
      }
    };
    return Serdes.serdeFrom(serializer, deserializer);
  }
}
