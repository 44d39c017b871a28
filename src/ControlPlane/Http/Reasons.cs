namespace ControlPlane.Http;

/// <summary>Who must act next.</summary>
internal enum WaitingOn
{
    None,
    Customer,
    Operator,
    Ca,
    Nodes,
}

/// <summary>Why a domain is not where it should be: one code, one party, one remedy.</summary>
/// <param name="Code">Stable word for programs.</param>
/// <param name="WaitingOn">Who must act.</param>
/// <param name="Title">What is the matter, in a sentence.</param>
/// <param name="Fix">What to do, in a sentence the addressee can follow.</param>
internal sealed record Reason(string Code, WaitingOn WaitingOn, string Title, string Fix)
{
    /// <summary>Explains it.</summary>
    public string Page => $"/reasons/{Code}";
}

/// <summary>
/// Every reason an order can wait for or fail with. A step names one and adds the particulars; the API shows code,
/// party and remedy. The list is closed: a code that is not here does not exist.
/// </summary>
internal static class Reasons
{
    public static readonly Reason DnsUnchecked = new(
        "dns-unchecked", WaitingOn.None,
        "The name has not been looked up yet.",
        "Nothing to do: it is looked up within seconds. Create the DNS record shown in dnsRecords meanwhile.");

    public static readonly Reason DnsNotThere = new(
        "dns-not-there", WaitingOn.Customer,
        "The name does not resolve yet.",
        "Create the DNS record shown in dnsRecords at the DNS provider of the name.");

    public static readonly Reason DnsElsewhere = new(
        "dns-elsewhere", WaitingOn.Customer,
        "The name resolves, but not to us.",
        "Replace the present record by the one shown in dnsRecords.");

    public static readonly Reason DnsNotAnswering = new(
        "dns-not-answering", WaitingOn.Operator,
        "DNS could not be asked, so that nothing is known about the name.",
        "Check the resolvers in Dns:Servers: they do not even answer for the root.");

    public static readonly Reason DnsTimedOut = new(
        "dns-timed-out", WaitingOn.Customer,
        "The name was not ready within the seven days allowed.",
        "Put right what findings tells, delete the domain and register it again.");

    public static readonly Reason DnsWrongTarget = new(
        "dns-wrong-target", WaitingOn.Customer,
        "The name leads to a target of ours that is not this account's.",
        "Replace the present record by the one shown in dnsRecords; every account has a target of its own.");

    public static readonly Reason OwnershipUnproven = new(
        "ownership-unproven", WaitingOn.Customer,
        "Control of the name must be shown by a TXT record.",
        "Create the TXT record shown in dnsRecords at the DNS provider of the name.");

    public static readonly Reason OwnershipTimedOut = new(
        "ownership-timed-out", WaitingOn.Customer,
        "The TXT record was not seen within the time allowed.",
        "Delete the domain, register it again, and create the TXT record it then shows.");

    public static readonly Reason OwnershipLost = new(
        "ownership-lost", WaitingOn.Customer,
        "Another account showed its TXT record, and has the name.",
        "If the name is yours: delete the domain, register it again, and create the TXT record it then shows.");

    public static readonly Reason RestoreUnsettled = new(
        "restore-unsettled", WaitingOn.Nodes,
        "The database was restored a short while ago, and not all nodes and the CA have told which names are in use.",
        "Nothing to do: it goes on by itself. If it stays, look at /v1/nodes for one that is not heard.");

    public static readonly Reason UsedBeforeRestore = new(
        "used-before-restore", WaitingOn.Customer,
        "The name was in use before a restore, and control of it must be shown.",
        "Delete the domain, register it again, and create the TXT record it then shows.");

    public static readonly Reason NameBeingReleased = new(
        "name-being-released", WaitingOn.Nodes,
        "What the name's former owner left is being taken down.",
        "Nothing to do: it goes on by itself.");

    public static readonly Reason AwaitingAdoption = new(
        "awaiting-adoption", WaitingOn.Operator,
        "The certificate that the name is served with is to be taken over; none is bought.",
        "Run `sync-agent adopt --directory <the node's certificates> --code-file <code> --apply` on one node of the "
        + "fleet; POST /v1/adoptions makes the code. To buy a certificate instead, delete the domain and register it "
        + "without adopt.");

    public static readonly Reason AdoptionTimedOut = new(
        "adoption-timed-out", WaitingOn.Operator,
        "No certificate was taken over within the seven days allowed, and none was bought.",
        "Delete the domain and register it again: with adopt, then run `sync-agent adopt`; or without, to buy one.");

    public static readonly Reason Ordering = new(
        "ordering", WaitingOn.None,
        "The certificate is being ordered.",
        "Nothing to do: it takes seconds.");

    public static readonly Reason CaNotReachable = new(
        "ca-not-reachable", WaitingOn.Ca,
        "The certificate authority does not answer.",
        "Nothing to do: it is asked again by itself.");

    public static readonly Reason CaBudgetSpent = new(
        "ca-budget-spent", WaitingOn.Ca,
        "The calls that the certificate authority allows us are used up for the moment.",
        "Nothing to do: it goes on by itself within minutes. If it stays, ask the CA for a larger quota.");

    public static readonly Reason CaAnswerLost = new(
        "ca-answer-lost", WaitingOn.Ca,
        "The certificate authority's answer to our order was lost.",
        "Nothing to do: the order is looked up before it is placed again.");

    public static readonly Reason CaCredentialRefused = new(
        "ca-credential-refused", WaitingOn.Operator,
        "The certificate authority refuses our account's key.",
        "Put right the account that the detail tells of (CertCentral:ApiKey, or the CA's section below "
        + "CertificateAuthorities:Acme) and restart.");

    public static readonly Reason CaNotConfigured = new(
        "ca-not-configured", WaitingOn.Operator,
        "The settings do not hold the certificate authority that was chosen.",
        "Put its settings back and restart. As long as nothing was ordered, another one may be chosen instead.");

    public static readonly Reason CaRefused = new(
        "ca-refused", WaitingOn.Operator,
        "The certificate authority refused the order.",
        "Read the detail, correct the cause, delete the domain and register it again.");

    public static readonly Reason CaClosedOrder = new(
        "ca-closed-order", WaitingOn.Operator,
        "The certificate authority closed the order without a certificate.",
        "Ask the certificate authority why, then delete the domain and register it again.");

    public static readonly Reason CaValidating = new(
        "ca-validating", WaitingOn.Ca,
        "The certificate authority is checking the name.",
        "Nothing to do: it is asked again by itself.");

    public static readonly Reason CaTokenNotSeen = new(
        "ca-token-not-seen", WaitingOn.Ca,
        "The certificate authority did not find our token below http://<name>/.well-known/, though all that can be "
        + "seen from here is in order.",
        "Nothing to do at first: its resolvers may still keep an older record, and it is asked again by itself. If it "
        + "stays for hours, let nothing in front of us filter that path by country or address: the certificate "
        + "authority looks from several continents.");

    public static readonly Reason CaIssuing = new(
        "ca-issuing", WaitingOn.Ca,
        "The name is validated; the certificate is being issued.",
        "Nothing to do: it is collected as soon as it is there.");

    public static readonly Reason CaWrongCertificate = new(
        "ca-wrong-certificate", WaitingOn.Ca,
        "The certificate handed out is not the one we ordered.",
        "Nothing to do: it is fetched again and never deployed. If it stays, report it to the certificate authority.");

    public static readonly Reason NoServingNode = new(
        "no-serving-node", WaitingOn.Operator,
        "No node of the fleet is serving, or fewer than half of those that should.",
        "Start the nodes' agents and look at /v1/nodes.");

    public static readonly Reason NodeTokenNotSeen = new(
        "node-token-not-seen", WaitingOn.Nodes,
        "A serving node does not give our token back on port 80.",
        "Check that node's agent and its view of the token store.");

    public static readonly Reason NodesProving = new(
        "nodes-proving", WaitingOn.Nodes,
        "The bundle is being rolled out.",
        "Nothing to do: the nodes report by themselves.");

    public static readonly Reason NodeRefused = new(
        "node-refused", WaitingOn.Operator,
        "A serving node refused the bundle.",
        "Look at the domain's delivery for the node and its error.");

    public static readonly Reason RolloutPaused = new(
        "rollout-paused", WaitingOn.Operator,
        "The fleet's rollout stands still; what was served before is served on.",
        "Read the reason with GET /v1/fleets/{fleet}, put it right, and POST /v1/fleets/{fleet}/rollout/resume.");

    public static readonly Reason NewerOnNodes = new(
        "newer-on-nodes", WaitingOn.None,
        "The nodes serve a newer certificate than this database remembers.",
        "Nothing to do: the newer one is served on until its renewal, which is opened by itself, is rolled out.");

    public static readonly Reason NodesWithdrawing = new(
        "nodes-withdrawing", WaitingOn.Nodes,
        "The name is being taken off the nodes.",
        "Nothing to do: the nodes report by themselves.");

    public static readonly Reason WithdrawalsHeld = new(
        "withdrawals-held", WaitingOn.Operator,
        "So many names are being withdrawn at once that an operator must approve it.",
        "Read GET /v1/fleets/{fleet}/withdrawals. If it is meant, POST /v1/fleets/{fleet}/withdrawals/approve with "
        + "the heldUntil it shows; until then the name is served.");

    public static readonly Reason TokenStoreNotReachable = new(
        "token-store-not-reachable", WaitingOn.Operator,
        "The shared token store cannot be written.",
        "Check the mount in TokenStore:Directory: present, writable, not full.");

    public static readonly Reason VaultNotReachable = new(
        "vault-not-reachable", WaitingOn.Operator,
        "The vault cannot be reached.",
        "Check the key-encryption keys in Vault:Keys or Vault:KeyFile, and the database.");

    public static readonly Reason Surprise = new(
        "surprise", WaitingOn.Operator,
        "Something failed that should not; it is tried again on a schedule.",
        "If it stays, look for the order's id in the log.");

    public static readonly Reason DnsMovedAway = new(
        "dns-moved-away", WaitingOn.Customer,
        "The name was active and now leads elsewhere; it is served on, and its renewals stop if it stays away.",
        "Create the DNS record shown in dnsRecords again, or delete the domain if it was meant to leave.");

    public static readonly Reason RenewalsStopped = new(
        "renewals-stopped", WaitingOn.Customer,
        "The name has led elsewhere for a week or more: it is served until its certificate ends, and not renewed.",
        "Create the DNS record shown in dnsRecords again and renewals go on by themselves, or delete the domain.");

    public static readonly Reason DomainDeleted = new(
        "domain-deleted", WaitingOn.None,
        "The domain was deleted.",
        "Nothing to do: its keys are destroyed with it.");

    /// <summary>Every reason above, by code.</summary>
    public static readonly IReadOnlyDictionary<string, Reason> ByCode = new[]
    {
        DnsUnchecked, DnsNotThere, DnsElsewhere, DnsNotAnswering, DnsTimedOut, DnsWrongTarget,
        OwnershipUnproven, OwnershipTimedOut, OwnershipLost, RestoreUnsettled, UsedBeforeRestore, NameBeingReleased,
        AwaitingAdoption, AdoptionTimedOut,
        Ordering, CaNotReachable, CaBudgetSpent, CaAnswerLost, CaCredentialRefused, CaNotConfigured, CaRefused,
        CaClosedOrder, CaValidating, CaTokenNotSeen, CaIssuing, CaWrongCertificate,
        NoServingNode, NodeTokenNotSeen, NodesProving, NodeRefused, RolloutPaused, NewerOnNodes, NodesWithdrawing,
        WithdrawalsHeld, DnsMovedAway, RenewalsStopped,
        TokenStoreNotReachable, VaultNotReachable, Surprise, DomainDeleted,
    }.Concat(Domains.Preflight.PreflightReasons.All).Concat(Domains.Renewing.RenewalReasons.All)
        .ToDictionary(reason => reason.Code);
}
