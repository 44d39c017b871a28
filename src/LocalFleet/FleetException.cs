namespace LocalFleet;

/// <summary>Something a person can act on: printed as one sentence (and a log's tail, when there is one), exit status
/// 1.</summary>
internal sealed class FleetException : Exception
{
    public FleetException(string sentence)
        : base(sentence)
    {
    }

    public FleetException(string sentence, Exception inner)
        : base(sentence, inner)
    {
    }
}
