using System.Text.Json;

namespace LocalFleet.Up;

/// <summary>What the API tells of a domain, as far as a watcher needs it.</summary>
internal sealed record DomainView
{
    public required string Id { get; init; }

    public required string Hostname { get; init; }

    public required string Status { get; init; }

    public string? WaitingOn { get; init; }

    public string? Reason { get; init; }

    /// <summary>The particulars of <see cref="Reason"/>, for a person.</summary>
    public string? Detail { get; init; }

    public int NodesReady { get; init; }

    public int NodesTotal { get; init; }

    /// <summary>SHA-256 of the leaf that every node was proven to serve.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>How many of the CA's perspectives fetched the token.</summary>
    public int PerspectivesArrived { get; init; }

    /// <summary>From registration to the first proof on every node.</summary>
    public TimeSpan? TimeToActive { get; init; }

    public bool IsActive => Status == "active";

    public bool HasFailed => Status == "failed";

    public static DomainView Read(JsonElement json)
    {
        var delivery = Member(json, "delivery");
        return new DomainView
        {
            Id = json.GetProperty("id").GetString()!,
            Hostname = json.GetProperty("hostname").GetString()!,
            Status = json.GetProperty("status").GetString()!,
            WaitingOn = Text(json, "waitingOn"),
            Reason = Member(json, "reason") is { } reason ? Text(reason, "code") : null,
            Detail = Member(json, "reason") is { } told ? Text(told, "detail") : null,
            NodesReady = delivery is { } ready ? ready.GetProperty("nodesReady").GetInt32() : 0,
            NodesTotal = delivery is { } total ? total.GetProperty("nodesTotal").GetInt32() : 0,
            Fingerprint = Member(json, "certificate") is { } certificate ? Text(certificate, "fingerprint") : null,
            PerspectivesArrived = Member(json, "validation") is { } validation
                ? validation.GetProperty("arrived").GetInt32()
                : 0,
            TimeToActive = Member(json, "activatedAt") is { } activated
                ? activated.GetDateTimeOffset() - json.GetProperty("createdAt").GetDateTimeOffset()
                : null,
        };
    }

    private static JsonElement? Member(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value : null;

    private static string? Text(JsonElement json, string name) => Member(json, name)?.GetString();
}
