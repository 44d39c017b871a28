namespace LocalFleet.Processes;

/// <summary>The end of a log, for the moment when its writer is gone.</summary>
internal static class LogTail
{
    public static string Of(string file, int lines) => File.Exists(file) ? Last(File.ReadAllText(file), lines) : "";

    public static string Last(string text, int lines) => string.Join(
        '\n',
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(lines)
            .Select(line => "  | " + line.TrimEnd()));
}
