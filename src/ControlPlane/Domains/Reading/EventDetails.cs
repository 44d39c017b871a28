using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;

namespace ControlPlane.Domains.Reading;

/// <summary>What an event says to a program: how the domain stood once the change was made. Thin on purpose: whoever
/// wants more reads the domain.</summary>
/// <param name="Hostname">The domain's name.</param>
/// <param name="Status">The domain as a whole. A lost or refusing node, which makes an active domain degraded, is told
/// by events of its own.</param>
/// <param name="Reason">Why it is not further, a code as in a domain's <c>reason</c>; null when nothing is waited
/// for.</param>
/// <param name="WaitingOn">Who must act next.</param>
/// <param name="Changed">Of <c>domain.updated</c>: the settings that were changed.</param>
internal sealed record EventDetails(
    string Hostname, DomainStatus Status, string? Reason, WaitingOn WaitingOn,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Changed = null)
{
    private static readonly JsonSerializerOptions Json = Options();

    public string Write() => JsonSerializer.Serialize(this, Json);

    /// <summary>Null for what cannot be read any more: the sentence stands.</summary>
    public static EventDetails? Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<EventDetails>(json, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Adds them to every event about to be written whose domain is at hand: here, after the last change and
    /// before the write, they say what the row will say.</summary>
    public static void AddTo(ChangeTracker tracker)
    {
        var told = tracker.Entries<DomainEvent>().Where(entry => entry.State == EntityState.Added)
            .Select(entry => entry.Entity).Where(one => one is { DomainId: not null, Data: null }).ToList();
        foreach (var one in told)
        {
            var domain = tracker.Entries<Domain>().FirstOrDefault(entry => entry.Entity.Id == one.DomainId)?.Entity;
            var order = tracker.Entries<Order>().FirstOrDefault(entry => entry.Entity.Id == one.OrderId)?.Entity;
            if (domain is not null)
            {
                var reason = DomainFacts.ReasonOf(domain, order);
                one.Data = new EventDetails(
                    domain.Hostname, domain.Status, reason?.Code, reason?.WaitingOn ?? WaitingOn.None);
            }
        }
    }

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions();
        JsonSetup.Apply(options);
        // Rows of a later version may hold more.
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip;
        return options;
    }
}
