using System.Text;
using ControlPlane.Contracts;

namespace ControlPlane.TokenStore;

/// <summary>
/// Tokens as files on shared storage: <c>&lt;root&gt;/&lt;hostname&gt;/&lt;order sequence&gt;</c>, the value on the
/// first line, its end on the second. A file for ACME ends in <c>.acme</c>, and its first line has the token before the
/// value. Written as a dot-file, flushed and renamed, so that a reader sees all of it or
/// nothing.
/// </summary>
internal sealed class SharedDirectory(string root) : ITokenStore
{
    /// <summary>Tokens are public by nature: every agent may read, only we write.</summary>
    private const UnixFileMode FileMode644 =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private const string AcmeSuffix = ".acme";

    public Task PublishAsync(
        string hostname, long sequence, TokenPlace place, string value, DateTimeOffset expiresAt,
        CancellationToken ct) => Guarded(() =>
    {
        var directory = DirectoryOf(hostname);
        var (suffix, line) = place == TokenPlace.AcmeChallenge
            ? (AcmeSuffix, $"{TokenPlaces.TokenOf(value)} {value}")
            : ("", value);
        var text = Encoding.ASCII.GetBytes($"{line}\nexpires={expiresAt.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}\n");
        // A withdrawal may remove the empty directory between any two of our calls, and each tells of it by another
        // exception. A store that is full or gone fails as often, at once.
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                Directory.CreateDirectory(directory);
                Write(
                    Path.Combine(directory, $".{sequence}.{Guid.NewGuid():N}"),
                    Path.Combine(directory, $"{sequence}{suffix}"), text);
                return;
            }
            catch (IOException) when (attempt < 10)
            {
                continue;
            }
        }
    });

    public Task WithdrawAsync(string hostname, long sequence, CancellationToken ct) => Guarded(() =>
    {
        var directory = DirectoryOf(hostname);
        try
        {
            File.Delete(Path.Combine(directory, $"{sequence}"));
            File.Delete(Path.Combine(directory, $"{sequence}{AcmeSuffix}"));
            if (!Directory.EnumerateFileSystemEntries(directory).Any())
            {
                RemoveEmpty(directory);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // Nothing was published, or another order of the name has just withdrawn the last token: gone either way.
        }
    });

    public async Task<IReadOnlyList<(string Hostname, long Sequence)>> ListAsync(CancellationToken ct)
    {
        var tokens = new List<(string, long)>();
        await Guarded(() =>
        {
            foreach (var file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
            {
                var name = Path.GetFileName(file);
                var number = name.EndsWith(AcmeSuffix, StringComparison.Ordinal) ? name[..^AcmeSuffix.Length] : name;
                if (long.TryParse(number, out var sequence))
                {
                    tokens.Add((Path.GetFileName(Path.GetDirectoryName(file)!), sequence));
                }
            }
        });
        return tokens;
    }

    private static void RemoveEmpty(string directory)
    {
        try
        {
            Directory.Delete(directory);
        }
        catch (IOException)
        {
            // Another order of the name has just published here, or has just removed it: wanted, or gone.
        }
    }

    private static void Write(string temporary, string final, byte[] text)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = FileMode644,
        };
        try
        {
            using (var file = new FileStream(temporary, options))
            {
                file.Write(text);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, final, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>File calls block; they are kept off the request threads, and their faults get one name.</summary>
    private static async Task Guarded(Action work)
    {
        try
        {
            await Task.Run(work);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new TokenStoreException("The token store cannot be used: " + fault.Message, fault);
        }
    }

    private string DirectoryOf(string hostname) => HostnameSyntax.IsValid(hostname)
        ? Path.Combine(root, hostname)
        : throw new ArgumentException("Only a validated host name names a token.", nameof(hostname));
}
