using ControlPlane.CertificateAuthorities;
using ControlPlane.Http;
using FluentValidation;

namespace ControlPlane.Campaigns;

/// <summary>A campaign to plan.</summary>
/// <param name="Reason">Why, for people; 1 to 500 characters.</param>
/// <param name="Deadline">By when every successor must be proven: within 30 days.</param>
/// <param name="Filter">Which certificates.</param>
/// <param name="Priority">Who comes first; by expiry when left out.</param>
/// <param name="TrafficClass">Needed with the priority <c>trafficClass</c>, and only with it.</param>
/// <param name="RevokeAfter">How the old certificates are to be revoked once their successors are proven; left out:
/// not at all.</param>
/// <param name="Rehearse">Started, it is played on paper, and nothing is ordered.</param>
internal sealed record CampaignRequest(
    string? Reason,
    DateTimeOffset? Deadline,
    CampaignFilter? Filter,
    CampaignPriority Priority = CampaignPriority.Expiry,
    TrafficClasses? TrafficClass = null,
    RevocationReason? RevokeAfter = null,
    bool Rehearse = false)
{
    public static readonly TimeSpan LongestDeadline = TimeSpan.FromDays(30);

    internal sealed class Rules : AbstractValidator<CampaignRequest>
    {
        public Rules(TimeProvider time)
        {
            RuleFor(body => body.Reason).Must(reason => !string.IsNullOrWhiteSpace(reason)
                    && GivenReason.Refuse(reason) is null)
                .WithMessage($"reason must have 1 to {GivenReason.Longest} characters, and no zero character.");
            RuleFor(body => body.Deadline)
                .Must(at => at > time.GetUtcNow() && at <= time.GetUtcNow() + LongestDeadline)
                .WithMessage($"deadline must be a time within the next {LongestDeadline.Days} days.");
            RuleFor(body => body.Filter).Must(filter => filter is { IsEmpty: false })
                .WithMessage("filter must name at least one criterion: nobody replaces everything by accident.")
                .SetValidator(new CampaignFilter.Rules()!);
            RuleFor(body => body.TrafficClass)
                .Must((body, classes) => classes is not null == (body.Priority == CampaignPriority.TrafficClass))
                .WithMessage("trafficClass must be given with the priority trafficClass, and only with it.")
                .Must(classes => classes is null || classes.AreSound)
                .WithMessage($"trafficClass must name a key of the metadata and 1 to {TrafficClasses.Most} of its "
                    + "values, the most urgent first, each once.");
        }
    }
}

/// <summary>A class that the portals keep in their domains' metadata, which nothing else acts upon.</summary>
/// <param name="Metadata">The key, such as <c>tier</c>.</param>
/// <param name="Order">Its values, the most urgent first. Domains with another value, or none, come after
/// them.</param>
internal sealed record TrafficClasses(string? Metadata, IReadOnlyList<string>? Order)
{
    public const int Most = 20;

    internal bool AreSound => Metadata is not null && Order is { Count: > 0 and <= Most }
        && Order.Distinct().Count() == Order.Count
        && Order.All(value => Domains.Settings.Metadata.IsEntry(Metadata, value));
}
