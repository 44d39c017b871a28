using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.CertificateAuthorities.CertCentral;

namespace ControlPlane.Campaigns.Planning;

/// <summary>What a successor costs at each CA, in each budget it draws on.</summary>
/// <param name="ByCa">By the CA's name; of a CA's budgets all hold, and the first counts every call.</param>
/// <param name="Default">The CA that orders go to when neither domain nor tenant says.</param>
internal sealed record CallCosts(IReadOnlyDictionary<string, IReadOnlyList<BudgetCost>> ByCa, string Default)
{
    /// <summary>At one CA alone.</summary>
    public CallCosts(string ca, params BudgetCost[] budgets)
        : this(new Dictionary<string, IReadOnlyList<BudgetCost>> { [ca] = budgets }, ca)
    {
    }

    /// <summary>CertCentral: placing or reissuing, having it look for the token, downloading. It issues while it
    /// looks, or soon after: then the status poll tells, one call for all orders. ACME: the order, its authorization,
    /// the challenge, one look at how that stands, the finalization, one look at the order, the certificate; and the
    /// order once more, in the budget of new orders.</summary>
    public static CallCosts Read(IConfiguration configuration)
    {
        var costs = AcmeSetup.Read(configuration).ToDictionary<AcmeOptions, string, IReadOnlyList<BudgetCost>>(
            acme => acme.Name,
            acme =>
            [
                new($"acme/{acme.Name}/calls", acme.Calls, 7), new($"acme/{acme.Name}/orders", acme.Orders, 1),
            ]);
        costs[CertCentralAuthority.TheName] = [new(CertCentralAuthority.TheName, CallWindows.CertCentral, 3)];
        return new CallCosts(costs, CertificateAuthoritiesSetup.DefaultOf(configuration));
    }

    /// <summary>Of a CA that is not configured any more, for which no order can be placed, those of the configured
    /// one.</summary>
    public IReadOnlyList<BudgetCost> Of(string ca) => ByCa.GetValueOrDefault(ca) ?? ByCa[Default];

    /// <summary>Calls for one successor, where nothing has to be asked twice.</summary>
    public int PerOrder(string ca) => Of(ca)[0].PerOrder;
}

/// <summary>One budget of calls.</summary>
/// <param name="Account">As <see cref="CallBudget"/> counts it.</param>
/// <param name="Windows">What it allows.</param>
/// <param name="PerOrder">What a successor takes of it.</param>
internal sealed record BudgetCost(string Account, CallWindows Windows, int PerOrder);
