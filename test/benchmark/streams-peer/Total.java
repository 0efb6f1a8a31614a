/** Sum and count, and how a payment is added. */
public final class Total {
  public long sum;
  public long count;

  static Total add(String key, Payment payment, Total total) {
    total.sum += payment.amount;
    total.count += 1;
    return total;
  }
}
