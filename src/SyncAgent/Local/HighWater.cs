using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.Contracts;

namespace SyncAgent.Local;

/// <summary>The newest position ever accepted.</summary>
/// <param name="Epoch">Highest epoch.</param>
/// <param name="Revision">Highest revision in it.</param>
/// <param name="FreshAt">Newest time that an accepted answer carried; <see cref="DateTimeOffset.MinValue"/> before the
/// first.</param>
internal sealed record HighMark(long Epoch, long Revision, DateTimeOffset FreshAt)
{
    public static HighMark None { get; } = new(0, 0, DateTimeOffset.MinValue);
}

/// <summary>The file: a mark and its digest, so that damage is not taken for a position.</summary>
internal sealed record HighWaterFile(HighMark Mark, string Digest);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(HighWaterFile))]
internal sealed partial class HighWaterJson : JsonSerializerContext;

/// <summary>
/// The highest (epoch, revision) this node ever accepted, kept apart from the manifest and across restarts. What is
/// older is an old answer, whoever gives it. A damaged file is set aside and told, never trusted: a digest protects
/// against a torn or flipped byte, and not against somebody who may write here, who could as well write the bundles.
/// </summary>
internal sealed class HighWater
{
    /// <summary>The time of the last answer is worth a disk write at most this often.</summary>
    private static readonly TimeSpan FreshnessStep = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly string _path;
    private HighMark _mark = HighMark.None;
    private DateTimeOffset _writtenFreshAt;

    private HighWater(string path) => _path = path;

    /// <summary>Where a damaged file was moved to; null when it was whole or absent.</summary>
    public string? SetAside { get; private set; }

    public HighMark Mark
    {
        get
        {
            lock (_lock)
            {
                return _mark;
            }
        }
    }

    /// <param name="path">Made with the first mark.</param>
    public static HighWater Open(string path)
    {
        var water = new HighWater(path);
        if (File.Exists(path))
        {
            water.Read();
        }

        return water;
    }

    /// <summary>An older epoch is old. In the same epoch a list may begin below what is known, because a full list
    /// does; its last page may not.</summary>
    public bool IsOlder(DesiredStatePage page)
    {
        var mark = Mark;
        return page.Epoch < mark.Epoch
            || (page.Epoch == mark.Epoch && !page.More && page.Revision < mark.Revision);
    }

    /// <summary>Takes a position that was accepted; durable when it returns. A lower one changes nothing.</summary>
    /// <exception cref="IOException">The disk is full or failed.</exception>
    public void Raise(long epoch, long revision, DateTimeOffset? freshAt = null)
    {
        lock (_lock)
        {
            var fresh = freshAt > _mark.FreshAt ? freshAt.Value.ToUniversalTime() : _mark.FreshAt;
            var isHigher = epoch > _mark.Epoch || (epoch == _mark.Epoch && revision > _mark.Revision);
            var next = (isHigher ? new HighMark(epoch, revision, fresh) : _mark) with { FreshAt = fresh };
            if (isHigher || fresh - _writtenFreshAt >= FreshnessStep)
            {
                var file = new HighWaterFile(next, DigestOf(next));
                FileSystem.Replace(
                    _path, JsonSerializer.SerializeToUtf8Bytes(file, HighWaterJson.Default.HighWaterFile));
                _writtenFreshAt = fresh;
            }

            _mark = next;
        }
    }

    private static string DigestOf(HighMark mark) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.ASCII.GetBytes($"{mark.Epoch}.{mark.Revision}.{mark.FreshAt.UtcTicks}")));

    private void Read()
    {
        HighWaterFile? file;
        try
        {
            file = JsonSerializer.Deserialize(File.ReadAllBytes(_path), HighWaterJson.Default.HighWaterFile);
        }
        catch (JsonException)
        {
            file = null;
        }

        if (file?.Mark is { } mark && file.Digest == DigestOf(mark))
        {
            (_mark, _writtenFreshAt) = (mark, mark.FreshAt);
            return;
        }

        SetAside = _path + ".damaged";
        File.Move(_path, SetAside, overwrite: true);
    }
}
