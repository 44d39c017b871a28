using ControlPlane.Dns;

namespace ControlPlane.Domains.Ownership;

/// <summary>What the resolvers say of a claim's TXT record.</summary>
/// <param name="Shown">It is there, to the eyes of more than half of the resolvers, and nobody says otherwise.</param>
/// <param name="IsFact">False: nobody could be asked, and nothing is known.</param>
/// <param name="Detail">One sentence for a person.</param>
internal sealed record OwnershipAnswer(bool Shown, bool IsFact, string Detail);

/// <summary>
/// Asks every configured resolver by itself for a claim's TXT record: one poisoned cache decides nothing. A CNAME on
/// the way is not followed, because a forgotten wildcard would let its target speak for the name.
/// </summary>
internal sealed class OwnershipLookup(IReadOnlyList<DnsClient> resolvers)
{
    public async Task<OwnershipAnswer> AskAsync(Domain claim, CancellationToken ct)
    {
        var name = OwnershipRecord.NameFor(claim.Hostname);
        var answers = await Task.WhenAll(
            resolvers.Select(resolver => resolver.ResolveAsync(name, DnsRecordType.TXT, ct)));
        var value = OwnershipRecord.ValueFor(claim);
        var shown = answers.Count(answer => Shows(answer, value));
        var facts = answers.Where(answer => answer.IsFact).ToList();
        if (facts.Count == 0)
        {
            return new OwnershipAnswer(false, false, answers[0].Detail);
        }

        if (shown == facts.Count && 2 * shown > resolvers.Count)
        {
            return new OwnershipAnswer(true, true, $"{name} shows the record.");
        }

        return shown > 0
            ? new OwnershipAnswer(false, true, $"{shown} of {resolvers.Count} resolvers see the record at {name}.")
            : new OwnershipAnswer(false, true, Missing(name, facts[0]));
    }

    private static bool Shows(DnsAnswer answer, string value) => answer.Chain.Count == 0
        && answer.Records.OfType<TxtRecord>().Any(record => record.Text.Trim() == value);

    private static string Missing(string name, DnsAnswer answer) =>
        answer.Chain.Count > 0 ? $"{name} is a CNAME, which is not followed: create the TXT record at the name itself."
        : answer.Records.Count > 0 ? $"{name} holds another value."
        : answer.Detail;
}
