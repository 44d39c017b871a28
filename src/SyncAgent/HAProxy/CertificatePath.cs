namespace SyncAgent.HAProxy;

/// <summary>The directory that HAProxy was started with (<c>crt &lt;directory&gt;/</c>): it is also the crt-list's
/// name.</summary>
internal sealed record CertificateDirectoryPath
{
    private CertificateDirectoryPath(string value) => Value = value;

    /// <summary>Absolute, without a trailing slash: that is how HAProxy itself lists it.</summary>
    public string Value { get; }

    /// <exception cref="ArgumentException">The path holds a character that the runtime API could take for
    /// syntax.</exception>
    public static CertificateDirectoryPath Parse(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return full.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_')
            ? new CertificateDirectoryPath(full)
            : throw new ArgumentException(
                $"The certificate directory '{full}' may hold letters, digits, '/', '.', '-' and '_' only: "
                + "its name becomes part of HAProxy's runtime commands.",
                nameof(path));
    }

    /// <summary>The crt-list of names that refuse TLS 1.2: a dot-file, which HAProxy does not take for a
    /// bundle.</summary>
    public string Tls13List => Value + "/.tls13.list";

    public CertificatePath For(ServedName name) => new(this, name);

    /// <summary>The name behind a path that HAProxy printed, or null when it is none of ours.</summary>
    public ServedName? NameOf(string printedPath)
    {
        return printedPath.StartsWith(Value + "/", StringComparison.Ordinal)
            && printedPath.EndsWith(".pem", StringComparison.Ordinal)
            ? ServedName.TryParse(printedPath[(Value.Length + 1)..^".pem".Length])
            : null;
    }

    public override string ToString() => Value;
}

/// <summary>One bundle's file, as HAProxy names it in memory and in every reply.</summary>
internal sealed record CertificatePath(CertificateDirectoryPath Directory, ServedName Name)
{
    public string Value => Directory.Value + "/" + Name.FileName;

    /// <summary>Its line in <see cref="CertificateDirectoryPath.Tls13List"/>; what it does not name is as on the bind
    /// line.</summary>
    public string Tls13Entry => Value + " [ssl-min-ver TLSv1.3]";

    public override string ToString() => Value;
}

/// <summary>A file from before this program, under a name of somebody's choice: it can only be taken out.</summary>
internal sealed record OldPath
{
    private OldPath(string value) => Value = value;

    public string Value { get; }

    /// <returns>null when the name holds a character that the runtime API could take for syntax.</returns>
    public static OldPath? TryParse(CertificateDirectoryPath directory, string fileName) =>
        fileName.Length > 0 && fileName[0] != '.'
            && fileName.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')
            ? new OldPath(directory.Value + "/" + fileName)
            : null;

    public override string ToString() => Value;
}
