using System.Text;
using System.Text.Json;

namespace CertCentralSandbox.Orders;

/// <summary>
/// Append-only JSON lines; the last line with a key wins. A line has left the process before its change is answered, so
/// SIGKILL loses nothing that a client was told. It is not synced to the platter: a power cut is outside this program's
/// purpose. A torn last line (a kill inside a write) is cut off at start; damage anywhere else stops the start, because
/// guessing would hide lost orders.
/// </summary>
internal sealed class Journal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream _file;

    public Journal(string directory)
    {
        Path = System.IO.Path.Combine(directory, "journal.jsonl");
        Lines = Read(Path);
        Compact(Path, Lines);
        _file = new FileStream(Path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    }

    public string Path { get; }

    /// <summary>What was found at start: the last line of each key.</summary>
    public IReadOnlyDictionary<string, JsonElement> Lines { get; }

    public void Append<T>(string key, T value)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(new Line<T>(key, value));
        lock (_gate)
        {
            // One write call for line and newline: a kill leaves either nothing or a tail without a newline.
            _file.Write([.. line, (byte)'\n']);
        }
    }

    public void Dispose() => _file.Dispose();

    private sealed record Line<T>(string Key, T Value);

    private static Dictionary<string, JsonElement> Read(string path)
    {
        var found = new Dictionary<string, JsonElement>();
        if (!File.Exists(path))
        {
            return found;
        }

        var text = File.ReadAllText(path, Encoding.UTF8);
        var whole = text[..(text.LastIndexOf('\n') + 1)]; // what follows the last newline is the torn tail
        var number = 0;
        foreach (var raw in whole.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            number++;
            try
            {
                var line = JsonSerializer.Deserialize<Line<JsonElement>>(raw)!;
                found[line.Key] = line.Value;
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"Line {number} of {path} is damaged. Remove the state directory.", e);
            }
        }

        return found;
    }

    private static void Compact(string path, IReadOnlyDictionary<string, JsonElement> lines)
    {
        var fresh = path + ".new";
        using (var writer = new StreamWriter(fresh))
        {
            writer.NewLine = "\n";
            foreach (var (key, value) in lines)
            {
                writer.WriteLine(JsonSerializer.Serialize(new Line<JsonElement>(key, value)));
            }
        }

        File.Move(fresh, path, overwrite: true);
    }
}
