using ControlPlane.Dns;
using ControlPlane.Domains.Preflight;
using ControlPlane.Http;

namespace ControlPlane.Domains.Ownership;

/// <summary>What the resolvers say of a claim's TXT record.</summary>
/// <param name="Shown">It is there, to the eyes of more than half of the resolvers, and nobody says otherwise.</param>
/// <param name="Detail">One sentence for a person.</param>
/// <param name="Silence">Why nobody could be asked, and nothing is known; null when somebody could.</param>
internal sealed record OwnershipAnswer(bool Shown, string Detail, Reason? Silence = null);

/// <summary>
/// Asks every configured resolver by itself for a claim's TXT record: one poisoned cache decides nothing. A CNAME on
/// the way is not followed, because a forgotten wildcard would let its target speak for the name.
/// </summary>
internal sealed class OwnershipLookup(Resolvers resolvers)
{
    public async Task<OwnershipAnswer> AskAsync(Domain claim, CancellationToken ct)
    {
        var name = OwnershipRecord.NameFor(claim.Hostname);
        var answers = await Task.WhenAll(
            resolvers.All.Select(resolver => resolver.ResolveAsync(name, DnsRecordType.TXT, ct)));
        var value = OwnershipRecord.ValueFor(claim);
        var shown = answers.Count(answer => Shows(answer, value));
        var facts = answers.Where(answer => answer.IsFact).ToList();
        if (facts.Count == 0)
        {
            var silence = await resolvers.ExplainAsync(
                name, [DnsRecordType.TXT], [.. answers.Select(answer => (answer.Status, answer.Detail))], ct);
            return new OwnershipAnswer(false, silence.Detail, silence.Reason);
        }

        if (shown == facts.Count && 2 * shown > resolvers.All.Count)
        {
            return new OwnershipAnswer(true, $"{name} shows the record.");
        }

        return shown > 0
            ? new OwnershipAnswer(false, $"{shown} of {resolvers.All.Count} resolvers see the record at {name}.")
            : new OwnershipAnswer(false, Missing(name, facts[0]));
    }

    private static bool Shows(DnsAnswer answer, string value) => answer.Chain.Count == 0
        && answer.Records.OfType<TxtRecord>().Any(record => record.Text.Trim() == value);

    private static string Missing(string name, DnsAnswer answer) =>
        answer.Chain.Count > 0 ? $"{name} is a CNAME, which is not followed: create the TXT record at the name itself."
        : answer.Records.Count > 0 ? $"{name} holds another value."
        : answer.Detail;
}
