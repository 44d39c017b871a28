using System.Net.Http.Headers;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>How long a CA asks us to wait, within what makes sense: a header is the word of a stranger.</summary>
internal static class RetryAfter
{
    /// <summary>A busy loop at its wish is none.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    /// <summary>Something that is being worked on is looked at every few minutes, whatever is said.</summary>
    private static readonly TimeSpan LongestPoll = TimeSpan.FromMinutes(5);

    /// <summary>Quotas may ask for a week; we look once a day whether that still holds.</summary>
    private static readonly TimeSpan LongestRefusal = TimeSpan.FromDays(1);

    public static TimeSpan? Read(HttpResponseHeaders headers, DateTimeOffset now) => headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - now,
        _ => null,
    };

    /// <summary>Until something in the making is looked at again.</summary>
    public static TimeSpan? ForPoll(TimeSpan? asked) => Within(asked, Shortest, LongestPoll);

    /// <summary>Until something that was refused for now is tried again.</summary>
    public static TimeSpan? ForRefusal(TimeSpan? asked) => Within(asked, Shortest, LongestRefusal);

    /// <summary>Until the renewal window is asked for again: "under one minute … as one minute, over one day … as one
    /// day" (RFC 9773 §4.3.2). Six hours where nothing is said.</summary>
    public static TimeSpan ForRenewal(TimeSpan? asked) =>
        Within(asked, TimeSpan.FromMinutes(1), TimeSpan.FromDays(1)) ?? TimeSpan.FromHours(6);

    private static TimeSpan? Within(TimeSpan? asked, TimeSpan least, TimeSpan most) =>
        asked < least ? least : asked > most ? most : asked;
}
