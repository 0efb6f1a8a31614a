import com.fasterxml.jackson.annotation.JsonInclude;

/** As in ../kappa/payments.ts. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public final class Payment {
  public long amount;
  public String currency;
  public String city;
  public String card;
  public long at;
  /** Only where records are large. */
  public String note;
}
