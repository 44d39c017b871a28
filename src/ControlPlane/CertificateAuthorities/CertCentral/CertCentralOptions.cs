using ControlPlane.Vault;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// The configuration section <c>CertCentral</c>: a real account needs <see cref="ApiKey"/> and nothing else.
/// </summary>
internal sealed record CertCentralOptions
{
    public const string Section = "CertCentral";

    /// <summary>CertCentral takes no shorter one.</summary>
    private const int ShortestWebhookSecret = 32;

    /// <summary>
    /// Up to and including <c>/services/v2</c>. The EU platform is <c>https://certcentral.digicert.eu/services/v2/</c>.
    /// </summary>
    public Uri BaseUrl { get; init; } = new("https://www.digicert.com/services/v2/");

    public Secret ApiKey { get; init; } = new("");

    /// <summary>The secret of the account's webhook, 32 characters or more; empty: no webhook is believed.</summary>
    public Secret WebhookSecret { get; init; } = new("");

    /// <summary>A DV product of the account; <c>ssl_basic</c> and its kin are OV and need an organization.</summary>
    public string Product { get; init; } = "ssl_dv_geotrust";

    /// <summary>
    /// What one payment covers, in years. 1: longer plans exist only for accounts that have them enabled.
    /// </summary>
    public int OrderValidityYears { get; init; } = 1;

    /// <summary>Life of each certificate, in days. Null: the CA's maximum (199 since February 2026).</summary>
    public int? CertificateValidityDays { get; init; }

    /// <summary>Division of the account that pays and sees the orders. Null: the key's own.</summary>
    public int? ContainerId { get; init; }

    /// <summary><c>balance</c>, <c>profile</c>, <c>card</c> or <c>wire_transfer</c>.</summary>
    public string PaymentMethod { get; init; } = "balance";

    /// <summary>
    /// Network perspectives that fetch a token. The Baseline Requirements (3.2.2.9) ask for a primary one and four
    /// more, five more from 2026-12-15. Only shown, never waited for.
    /// </summary>
    public int Perspectives { get; init; } = 5;

    /// <summary>How the user agents of those perspectives begin, as DigiCert publishes them.</summary>
    public IReadOnlyList<string> ValidatorAgents { get; init; } = ["DigiCert DCV"];

    /// <summary>
    /// Limit of one call; of a read, its retries included. 30 s: an order that issues at once takes the CA some
    /// seconds, and an order given up too early must be looked up for minutes.
    /// </summary>
    public TimeSpan HttpTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Longest wait for the shared call budget, before the call is given up unsent. 10 s: two of the CA's short
    /// windows; who waits longer should not hold a lease meanwhile.
    /// </summary>
    public TimeSpan BudgetPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Waits before a read is tried again. 0.5 s for a connection that was just being closed, 2 s for a front end that
    /// fails over; a longer outage belongs to the order's own schedule, which holds no worker. Calls that are not reads
    /// are never repeated.
    /// </summary>
    public IReadOnlyList<TimeSpan> ReadRetryWaits { get; init; } = [TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2)];

    /// <summary>
    /// When a lost order is looked up, from the lost call on. 10 s for the usual case (it arrived, only the answer is
    /// lost); up to 5 min because nobody promises that an order can be found at once. Only after the last one is it
    /// placed again.
    /// </summary>
    public IReadOnlyList<TimeSpan> LookupSchedule { get; init; } =
        [TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(5)];

    /// <summary>
    /// The issuer domain names that the CA takes for its own in CAA records, the one to recommend first: DigiCert's,
    /// and those of the brands it has taken over, of which any permits all.
    /// </summary>
    public IReadOnlyList<string> CaaIdentities { get; init; } =
    [
        "digicert.com", "www.digicert.com", "symantec.com", "thawte.com", "geotrust.com", "rapidssl.com",
        "digicert.ne.jp", "cybertrust.ne.jp",
    ];

    /// <summary>All that is wrong with these settings, a sentence each; empty when they can be used.</summary>
    public IEnumerable<string> Faults()
    {
        if (!BaseUrl.IsAbsoluteUri || (BaseUrl.Scheme != Uri.UriSchemeHttps && !BaseUrl.IsLoopback))
        {
            yield return $"{Section}:{nameof(BaseUrl)} must be https, save on loopback: http would show the key.";
        }

        if (ApiKey.IsEmpty)
        {
            yield return $"{Section}:{nameof(ApiKey)} is missing.";
        }

        if (!WebhookSecret.IsEmpty && WebhookSecret.Reveal().Length < ShortestWebhookSecret)
        {
            yield return $"{Section}:{nameof(WebhookSecret)} must have {ShortestWebhookSecret} characters or more.";
        }

        if (string.IsNullOrWhiteSpace(Product))
        {
            yield return $"{Section}:{nameof(Product)} is missing.";
        }

        if (OrderValidityYears is < 1 or > 3)
        {
            yield return $"{Section}:{nameof(OrderValidityYears)} must be 1 to 3.";
        }

        if (CertificateValidityDays is < 1 or > 199)
        {
            yield return $"{Section}:{nameof(CertificateValidityDays)} must be 1 to 199.";
        }

        if (Perspectives < 1)
        {
            yield return $"{Section}:{nameof(Perspectives)} must be 1 or more.";
        }

        if (HttpTimeout <= TimeSpan.Zero || BudgetPatience <= TimeSpan.Zero)
        {
            yield return $"{Section}: times must be greater than zero.";
        }

        if (LookupSchedule.Count == 0)
        {
            yield return $"{Section}:{nameof(LookupSchedule)} must hold a wait: else a lost order is bought twice.";
        }
    }
}
