namespace ControlPlane.Contracts;

/// <summary>The routes of the API that a node's agent calls, and the limits both sides hold to.</summary>
public static class Routes
{
    /// <summary>POST <see cref="EnrolRequest"/> → 201 <see cref="EnrolResponse"/>. The only agent route without a
    /// token.</summary>
    public const string Enrol = "/v1/nodes/enroll";

    /// <summary>GET <c>?since=&lt;cursor&gt;&amp;wait=&lt;seconds&gt;</c> → 200 <see cref="DesiredStatePage"/>; 410
    /// when the cursor's history is gone or belongs to another epoch: ask again without <c>since</c>.</summary>
    public const string DesiredState = "/v1/desired-state";

    /// <summary>POST <see cref="DigestRequest"/> → 200 <see cref="DigestAnswer"/>: finds where a node's record has
    /// drifted from what its fleet wants.</summary>
    public const string Digests = "/v1/desired-state/digests";

    /// <summary>POST <see cref="FetchBundlesRequest"/> → 200 <see cref="FetchBundlesResponse"/>.</summary>
    public const string FetchBundles = "/v1/bundles/fetch";

    /// <summary>PUT <see cref="ObservedStateReport"/> → 200 <see cref="ObservedStateReceipt"/>.</summary>
    public const string ObservedState = "/v1/observed-state";

    /// <summary>POST <see cref="AdoptionPlanRequest"/> → 200 <see cref="AdoptionPlanAnswer"/>: what would become of
    /// bundles that lie in the node's directory. Changes nothing.</summary>
    public const string AdoptionPlan = "/v1/adoptions/plan";

    /// <summary>POST <see cref="HandInRequest"/> → 200 <see cref="HandInAnswer"/>. Repeated, it changes
    /// nothing.</summary>
    public const string AdoptedBundles = "/v1/adoptions/bundles";

    /// <summary>Most bundles one <see cref="AdoptionPlanRequest"/> may ask about.</summary>
    public const int MaxPlannedPerCall = 1000;

    /// <summary>Most bundles one <see cref="HandInRequest"/> may carry: with chain and key each is below 16 kB, or
    /// HAProxy would not take it.</summary>
    public const int MaxHandedInPerCall = 40;

    /// <summary>Most domains one <see cref="FetchBundlesRequest"/> may name.</summary>
    public const int MaxBundlesPerFetch = 200;

    /// <summary>Most rows one <see cref="ObservedStateReport"/> may carry.</summary>
    public const int MaxRowsPerReport = 1000;

    /// <summary>Most alarms one <see cref="ObservedStateReport"/> may carry: there are fewer kinds.</summary>
    public const int MaxAlarms = 10;

    /// <summary>Most names one <see cref="StrayNames"/> may list.</summary>
    public const int MaxStrays = 1000;

    /// <summary>Most fetches of tokens one <see cref="ObservedStateReport"/> may tell of.</summary>
    public const int MaxVisits = 500;

    /// <summary>Longest <see cref="TokenVisit.UserAgent"/>, in characters.</summary>
    public const int MaxUserAgent = 200;

    /// <summary>Longest long poll, in seconds: below the 60 s after which common proxies cut an idle request.</summary>
    public const int MaxWaitSeconds = 50;

    /// <summary>Largest body of an agent's request, in bytes.</summary>
    public const int MaxAgentBodyBytes = 1024 * 1024;
}
