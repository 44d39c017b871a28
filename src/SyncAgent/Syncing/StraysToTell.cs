using ControlPlane.Contracts;
using SyncAgent.Local;
using SyncAgent.Observing;

namespace SyncAgent.Syncing;

/// <summary>The names this node serves and its control plane does not know, as far as they were not told. Not for
/// concurrent use.</summary>
internal sealed class StraysToTell(DesiredBook book, NodeView view)
{
    private IReadOnlyList<StrayName>? _told;

    /// <summary>The whole list, when it is another than the one told; else null.</summary>
    public StrayNames? News()
    {
        var all = book.Strays(view.Disk);
        IReadOnlyList<StrayName> first = [.. all.Take(Routes.MaxStrays)];
        return _told is not null && _told.SequenceEqual(first) ? null : new StrayNames(all.Count, first);
    }

    public void Told(StrayNames? names) => _told = names?.Names ?? _told;

    public void Forget() => _told = null;
}
