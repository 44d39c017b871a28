using ControlPlane.Contracts;

namespace SyncAgent.HAProxy;

/// <summary>
/// A hostname that was checked letter by letter: the only thing that may become part of a runtime command or a file
/// name. A <c>;</c>, a line break or a slash in a name would be a new command, or another directory.
/// </summary>
internal sealed record ServedName
{
    private ServedName(string value) => Value = value;

    public string Value { get; }

    /// <summary>The name of the bundle's file in the certificate directory.</summary>
    public string FileName => Value + ".pem";

    /// <summary>Where the bundle rests until HAProxy accepted it. HAProxy skips dot-files at start.</summary>
    public string StageFileName => "." + Value + ".pem.stage";

    /// <summary>Where a damaged file goes, out of HAProxy's sight but not out of the operator's.</summary>
    public string QuarantineFileName => "." + Value + ".pem.quarantine";

    /// <summary>null unless the text is a name as <see cref="HostnameSyntax"/> defines it.</summary>
    public static ServedName? TryParse(string? text) => HostnameSyntax.IsValid(text) ? new ServedName(text!) : null;

    public override string ToString() => Value;
}
