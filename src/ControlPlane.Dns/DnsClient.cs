using System.Net;

namespace ControlPlane.Dns;

/// <summary>
/// A stub resolver: asks recursive servers, follows CNAMEs, and tells "the name is not there" from "could not ask". It
/// keeps no cache (the caller waits for changes) and needs none. Safe for concurrent use; every question has a socket
/// of its own.
/// </summary>
internal sealed class DnsClient(DnsClientOptions options, TimeProvider time)
{
    private readonly DnsExchange _exchange = options.Servers.Count > 0
        ? new DnsExchange(options, time)
        : throw new ArgumentException("A DNS client needs at least one server.", nameof(options));

    /// <summary>Asks for one type at the end of the name's CNAME chain.</summary>
    /// <param name="name">The name.</param>
    /// <param name="type">The type.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="unvalidated">Asks for the answer even where DNSSEC forbids to believe it: to find out why there is
    /// none, never to act on it.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is not a legal DNS name.</exception>
    public async Task<DnsAnswer> ResolveAsync(
        string name, DnsRecordType type, CancellationToken cancellationToken, bool unvalidated = false)
    {
        var asked = DnsName.Normalize(name);
        var current = asked;
        var chain = new List<string>();
        var seen = new HashSet<string>(DnsName.Comparer) { asked };
        var longest = 0u;
        while (true)
        {
            var outcome = await _exchange.AskAsync(
                new DnsQuestion(current, type) { CheckingDisabled = unvalidated }, cancellationToken);
            if (outcome.Message is not { } message)
            {
                return Answer(outcome.Failure, [], outcome.Detail);
            }

            var moved = false;
            while (type != DnsRecordType.CNAME && CnameOf(current, message) is { } alias)
            {
                chain.Add(alias.Target);
                longest = Math.Max(longest, alias.Ttl);
                if (!seen.Add(alias.Target) || chain.Count > options.MaxChain)
                {
                    return Answer(DnsStatus.ChainBroken, [], $"The CNAME chain of {asked} " + (
                        chain.Count > options.MaxChain
                            ? $"is longer than {options.MaxChain}." : $"comes back to {alias.Target}."));
                }

                (current, moved) = (alias.Target, true);
            }

            DnsRecord[] records =
                [.. message.Answers.Where(r => r.Type == type && DnsName.Comparer.Equals(r.Name, current))];
            if (records.Length > 0)
            {
                longest = Math.Max(longest, records.Max(record => record.Ttl));
                return Answer(DnsStatus.NoError, records, outcome.Detail);
            }

            // RFC 6604 §3: the code speaks of the last name of the chain, not of the one that was asked.
            if (message.ResponseCode == DnsResponseCode.NameError)
            {
                return Answer(DnsStatus.NxDomain, [], $"{current} does not exist ({outcome.Detail}).");
            }

            // A server may stop at the edge of its zone: only an answer to the target's own question says it has
            // nothing.
            if (!moved)
            {
                return Answer(DnsStatus.NoData, [], $"{current} has no {type} record ({outcome.Detail}).");
            }
        }

        DnsAnswer Answer(DnsStatus status, IReadOnlyList<DnsRecord> records, string detail) =>
            new(asked, status, chain, records, detail) { KeptFor = TimeSpan.FromSeconds(longest) };
    }

    /// <summary>Where the name leads: its chain and all its addresses; A and AAAA are asked at once.</summary>
    /// <exception cref="ArgumentException"><paramref name="name"/> is not a legal DNS name.</exception>
    public async Task<DnsAddresses> ResolveAddressesAsync(string name, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(
            ResolveAsync(name, DnsRecordType.A, cancellationToken),
            ResolveAsync(name, DnsRecordType.AAAA, cancellationToken));
        IPAddress[] addresses = [.. answers.SelectMany(a => a.Records).OfType<AddressRecord>().Select(r => r.Address)];

        // What could not be asked outweighs everything; then a positive answer; then the A side, which is the usual
        // one.
        var verdict = answers.FirstOrDefault(a => !a.IsFact)
            ?? answers.FirstOrDefault(a => a.Status == DnsStatus.NoError)
            ?? answers[0];
        var chain = answers.MaxBy(a => a.Chain.Count)!.Chain;
        return new DnsAddresses(verdict.Name, verdict.Status, chain, addresses, verdict.Detail)
        {
            KeptFor = answers.Max(answer => answer.KeptFor),
        };
    }

    private static CnameRecord? CnameOf(string name, DnsMessage message) =>
        message.Answers.OfType<CnameRecord>().FirstOrDefault(r => DnsName.Comparer.Equals(r.Name, name));
}
