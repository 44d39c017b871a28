namespace ControlPlane.Dns;

/// <summary>
/// What <see cref="DnsServer"/>'s answerer wants said. The server sets id, question and the authoritative bit.
/// </summary>
internal sealed record DnsReply
{
    public static DnsReply NoSuchName { get; } = new() { Code = DnsResponseCode.NameError };

    public static DnsReply Failure { get; } = new() { Code = DnsResponseCode.ServerFailure };

    /// <summary>Nothing is sent: to the asker the server looks dead.</summary>
    public static DnsReply Silence { get; } = new() { Silent = true };

    public DnsResponseCode Code { get; init; }

    public IReadOnlyList<DnsRecord> Answers { get; init; } = [];

    public IReadOnlyList<DnsRecord> Authorities { get; init; } = [];

    /// <summary>Cuts every UDP answer off, however short, so that the asker has to come back over TCP.</summary>
    public bool TruncateUdp { get; init; }

    public bool Silent { get; init; }

    public static DnsReply Of(params DnsRecord[] answers) => new() { Answers = answers };
}
