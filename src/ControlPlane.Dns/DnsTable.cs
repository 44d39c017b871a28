using System.Collections.Concurrent;

namespace ControlPlane.Dns;

/// <summary>
/// Names and their records, changeable while a <see cref="DnsServer"/> answers from it (<see cref="Answer"/>). A name
/// without records, or one above a known name, exists and gives NODATA; any other gives NXDOMAIN. CNAMEs are walked
/// within the table.
/// </summary>
internal sealed class DnsTable
{
    private readonly ConcurrentDictionary<string, IReadOnlyList<DnsRecord>> _names = new(DnsName.Comparer);

    /// <summary>Replaces everything known of a name. The records' own names are overwritten with it.</summary>
    public void Set(string name, params DnsRecord[] records)
    {
        var owner = DnsName.Normalize(name);
        _names[owner] = [.. records.Select(r => r with { Name = owner })];
    }

    public bool Remove(string name) => _names.TryRemove(DnsName.Normalize(name), out _);

    public DnsReply Answer(DnsQuestion question)
    {
        var answers = new List<DnsRecord>();
        var name = question.Name;
        while (_names.TryGetValue(name, out var records))
        {
            DnsRecord[] fitting = [.. records.Where(r => r.Type == question.Type)];
            answers.AddRange(fitting);
            if (fitting.Length > 0 || records.OfType<CnameRecord>().FirstOrDefault() is not { } cname)
            {
                return new DnsReply { Answers = answers };
            }

            if (answers.Contains(cname))
            {
                // A circle: say what there is, as a real server does, and let the asker find out.
                return new DnsReply { Answers = answers };
            }

            answers.Add(cname);
            name = DnsName.Normalize(cname.Target);
        }

        var exists = _names.Keys.Any(k => k.EndsWith("." + name, StringComparison.OrdinalIgnoreCase));
        return new DnsReply { Code = exists ? DnsResponseCode.NoError : DnsResponseCode.NameError, Answers = answers };
    }
}
