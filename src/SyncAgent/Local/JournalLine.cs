using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.Contracts;

namespace SyncAgent.Local;

/// <summary>Up to where the desired state is recorded.</summary>
/// <param name="Epoch">Highest epoch seen: an answer of a lower one is old.</param>
/// <param name="Revision">Highest revision seen in that epoch.</param>
/// <param name="Cursor">What to ask after; null asks for everything.</param>
/// <param name="Relisting">A full list is on its way: its pages begin below what is known.</param>
internal sealed record BookMark(long Epoch, long Revision, string? Cursor, bool Relisting = false);

/// <summary>What the fleet wants of one name: served by a bundle, or gone.</summary>
/// <param name="Wanted">Null when it is gone.</param>
/// <param name="Withdrawn">Null while it is served.</param>
/// <param name="Epoch">Where its revision counts: those of two epochs say nothing about each other.</param>
internal sealed record BookEntry(DesiredDomain? Wanted, Tombstone? Withdrawn, long Epoch)
{
    public long Revision => Wanted?.Revision ?? Withdrawn!.Revision;

    public Guid Domain => Wanted?.Domain ?? Withdrawn!.Domain;
}

/// <summary>One line of the journal: exactly one of the three is set.</summary>
/// <param name="Wanted">A name to serve.</param>
/// <param name="Withdrawn">A name that is gone.</param>
/// <param name="Mark">The end of a page.</param>
/// <param name="Epoch">Of the name's revision.</param>
internal sealed record JournalLine(DesiredDomain? Wanted, Tombstone? Withdrawn, BookMark? Mark, long Epoch);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JournalLine))]
internal sealed partial class JournalJson : JsonSerializerContext;
