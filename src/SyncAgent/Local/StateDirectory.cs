using System.Globalization;

namespace SyncAgent.Local;

/// <summary>Where the agent keeps who it is and what it knows: closed to everybody else, because its keys are in
/// it.</summary>
internal sealed class StateDirectory
{
    /// <summary>Numbers taken from the disk at once, so that a report does not cost a disk write.</summary>
    private const long ReportNumbersPerWrite = 1000;

    private readonly Lock _numbers = new();
    private long _nextReport;
    private long _reservedReports;

    public StateDirectory(string path)
    {
        Root = Path.GetFullPath(path);
        Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _nextReport = _reservedReports = ReadReportNumber();
    }

    public string Root { get; }

    /// <summary>Where a damaged file was moved to; null when none was.</summary>
    public string? SetAside { get; private set; }

    public string IdentityFile => Path.Combine(Root, "node.json");

    public string SigningKeyFile => Path.Combine(Root, "signing.key");

    public string SealingKeyFile => Path.Combine(Root, "sealing.key");

    public string JournalFile => Path.Combine(Root, "desired.jsonl");

    public string HighWaterFile => Path.Combine(Root, "high-water.json");

    private string ReportNumberFile => Path.Combine(Root, "report-number");

    /// <summary>A number above every one given before, over restarts too.</summary>
    public long NextReportNumber()
    {
        lock (_numbers)
        {
            if (_nextReport >= _reservedReports)
            {
                Reserve(_nextReport + ReportNumbersPerWrite);
            }

            return ++_nextReport;
        }
    }

    /// <summary>The server has accepted this number from us, perhaps in a life whose state was lost: continue above it.
    /// </summary>
    public void SkipReportNumbersTo(long accepted)
    {
        lock (_numbers)
        {
            if (accepted > _nextReport)
            {
                _nextReport = accepted;
                Reserve(accepted + ReportNumbersPerWrite);
            }
        }
    }

    private void Reserve(long upTo)
    {
        FileSystem.Replace(
            ReportNumberFile, System.Text.Encoding.ASCII.GetBytes(upTo.ToString(CultureInfo.InvariantCulture)));
        _reservedReports = upTo;
    }

    private long ReadReportNumber()
    {
        if (!File.Exists(ReportNumberFile))
        {
            return 0;
        }

        if (long.TryParse(
            File.ReadAllText(ReportNumberFile), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        // The server tells its own number with the first answer; the agent goes on above it.
        SetAside = ReportNumberFile + ".damaged";
        File.Move(ReportNumberFile, SetAside, overwrite: true);
        return 0;
    }
}
