using ControlPlane.Http.Access;

namespace ControlPlane.Imports;

/// <summary>A file of names, taken in whole and registered row by row.</summary>
internal sealed class Import
{
    /// <summary>Rows of one file.</summary>
    public const int MostRows = 10_000;

    /// <summary>Of one tenant at a time. Their rows take turns, so that more would not make it faster.</summary>
    public const int MostUnderWay = 4;

    /// <summary>Of one tenant within <see cref="Day"/>: a file may hold nothing but faults, and is kept all the
    /// same.</summary>
    public const int MostADay = 100;

    public static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>After its end, with its rows.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    public required Guid Id { get; init; }

    /// <summary>Set for a portal's.</summary>
    public Guid? TenantId { get; init; }

    /// <summary>On whose word the names are registered.</summary>
    public required Guid ApiKeyId { get; init; }

    public required ApiRole Role { get; init; }

    public required int Rows { get; init; }

    public int Registered { get; private set; }

    public int Unchanged { get; private set; }

    public int Refused { get; private set; }

    public int Canceled { get; private set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Who waited longest is next.</summary>
    public DateTimeOffset? WorkedAt { get; private set; }

    public DateTimeOffset? CanceledAt { get; private set; }

    public DateTimeOffset? FinishedAt { get; private set; }
}

/// <summary>One row of the file. Locked by the transaction that registers its name.</summary>
internal sealed class ImportRow
{
    public required Guid ImportId { get; init; }

    /// <summary>Where it begins in the file, from 1; a header is a line too.</summary>
    public required int Line { get; init; }

    /// <summary>Empty where the row could not be read.</summary>
    public required string Hostname { get; init; }

    /// <summary>The registration as JSON; null where the row could not be read.</summary>
    public string? Request { get; init; }

    public required ImportOutcome Outcome { get; init; }

    /// <summary>An earlier line with the same name.</summary>
    public int? SameAs { get; init; }

    public Guid? DomainId { get; init; }

    /// <summary>A <see cref="RowProblem"/> as JSON.</summary>
    public string? Problem { get; init; }

    /// <summary>Surprises. A row that keeps surprising is refused.</summary>
    public int Attempts { get; private set; }
}

/// <summary>What became of a row.</summary>
internal enum ImportOutcome
{
    /// <summary>Its turn is to come.</summary>
    Pending,

    /// <summary>The name is on its way.</summary>
    Registered,

    /// <summary>The tenant has the name with these settings already, or an earlier line says the same.</summary>
    Unchanged,

    /// <summary>Its problem says why.</summary>
    Refused,

    /// <summary>The import was canceled before.</summary>
    Canceled,
}
