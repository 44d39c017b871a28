using System.Text.Json;

namespace CertCentralSandbox.Orders;

/// <summary>What the real CA writes in an e-mail: that certificates must be replaced before they are revoked.</summary>
/// <param name="Id">1 for the first.</param>
/// <param name="Why">A sentence.</param>
/// <param name="DateSent">When.</param>
/// <param name="RevokeAt">The deadline, on the sandbox clock.</param>
/// <param name="Certificates">By id.</param>
internal sealed record Notice(
    long Id, string Why, DateTimeOffset DateSent, DateTimeOffset RevokeAt, IReadOnlyList<long> Certificates);

/// <summary>All notices that were sent, in memory and in the journal.</summary>
internal sealed class NoticeBook
{
    private const string KeyPrefix = "notice/";
    private readonly Journal _journal;
    private readonly Lock _gate = new();
    private readonly List<Notice> _all;

    public NoticeBook(Journal journal)
    {
        _journal = journal;
        _all = [.. journal.Lines.Where(line => line.Key.StartsWith(KeyPrefix, StringComparison.Ordinal))
            .Select(line => line.Value.Deserialize<Notice>()!).OrderBy(notice => notice.Id)];
    }

    public IReadOnlyList<Notice> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _all];
            }
        }
    }

    public Notice Add(Func<long, Notice> write)
    {
        lock (_gate)
        {
            var notice = write(_all.Count + 1);
            _journal.Append(KeyPrefix + notice.Id, notice);
            _all.Add(notice);
            return notice;
        }
    }
}
