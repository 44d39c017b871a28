namespace SyncAgent.Commands;

internal static class ConsoleLog
{
    /// <summary>One line an event, UTC, for a journal to collect.</summary>
    public static void Write(ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        // The framework's own chatter about every request is not news.
        logging.AddFilter("Microsoft", LogLevel.Warning);
    }
}
