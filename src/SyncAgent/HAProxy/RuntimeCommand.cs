using System.Text;

namespace SyncAgent.HAProxy;

/// <summary>
/// One line for the runtime API. There is no way to make one from free text: each factory takes names that were
/// checked.
/// </summary>
internal sealed class RuntimeCommand
{
    private RuntimeCommand(string line, ReadOnlyMemory<byte>? payload = null)
    {
        Line = line;
        Payload = payload;
    }

    public string Line { get; }

    /// <summary>What follows the line, without the blank line that ends it. May hold a private key.</summary>
    public ReadOnlyMemory<byte>? Payload { get; }

    public static RuntimeCommand ShowProcess { get; } = new("show info");

    public static RuntimeCommand ListCertificates { get; } = new("show ssl cert");

    public static RuntimeCommand ListEntries(CertificateDirectoryPath directory) =>
        new($"show ssl crt-list {directory}");

    public static RuntimeCommand ListTls13(CertificateDirectoryPath directory) =>
        new($"show ssl crt-list {directory.Tls13List}");

    public static RuntimeCommand Show(CertificatePath path) => new($"show ssl cert {path}");

    public static RuntimeCommand New(CertificatePath path) => new($"new ssl cert {path}");

    public static RuntimeCommand Set(CertificatePath path, PemPayload payload) =>
        new($"set ssl cert {path} <<", payload.Bytes);

    public static RuntimeCommand Commit(CertificatePath path) => new($"commit ssl cert {path}");

    public static RuntimeCommand Abort(CertificatePath path) => new($"abort ssl cert {path}");

    /// <summary>Ends a transaction that somebody else left open; its path comes from HAProxy, hence the
    /// check.</summary>
    /// <returns>null when the printed path could be taken for more than one command.</returns>
    public static RuntimeCommand? AbortForeign(string printedPath)
    {
        return printedPath.Length > 0
            && !printedPath.Any(c => char.IsControl(c) || char.IsWhiteSpace(c) || c is ';' or '<' or '\\')
            ? new RuntimeCommand($"abort ssl cert {printedPath}")
            : null;
    }

    public static RuntimeCommand Add(CertificatePath path) => new($"add ssl crt-list {path.Directory} {path}");

    public static RuntimeCommand DeleteEntry(CertificatePath path) => new($"del ssl crt-list {path.Directory} {path}");

    public static RuntimeCommand AddTls13(CertificatePath path) =>
        new($"add ssl crt-list {path.Directory.Tls13List} <<", Encoding.ASCII.GetBytes(path.Tls13Entry + "\n"));

    public static RuntimeCommand DeleteTls13(CertificatePath path) =>
        new($"del ssl crt-list {path.Directory.Tls13List} {path}");

    public static RuntimeCommand DeleteCertificate(CertificatePath path) => new($"del ssl cert {path}");

    /// <summary>Takes a file from before this program out of the crt-list and out of memory, and looks that it is
    /// gone.</summary>
    public static IReadOnlyList<RuntimeCommand> TakeOut(CertificateDirectoryPath directory, OldPath path) =>
        [new($"del ssl crt-list {directory} {path}"), new($"del ssl cert {path}"), new($"show ssl cert {path}")];

    /// <summary>Prints the line only: a payload holds a private key.</summary>
    public override string ToString() => Line;
}
