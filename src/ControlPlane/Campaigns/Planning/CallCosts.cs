using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.CertificateAuthorities.CertCentral;

namespace ControlPlane.Campaigns.Planning;

/// <summary>What a successor costs at the CA that orders go to, in each budget it draws on.</summary>
/// <param name="Budgets">All of them hold.</param>
internal sealed record CallCosts(IReadOnlyList<BudgetCost> Budgets)
{
    /// <summary>Calls for one successor, where nothing has to be asked twice.</summary>
    public int PerOrder => Budgets[0].PerOrder;

    /// <summary>CertCentral: placing or reissuing, having it look for the token, downloading. It issues while it
    /// looks, or soon after: then the status poll tells, one call for all orders. ACME: the order, its authorization,
    /// the challenge, one look at how that stands, the finalization, one look at the order, the certificate; and the
    /// order once more, in the budget of new orders.</summary>
    public static CallCosts Read(IConfiguration configuration)
    {
        var chosen = configuration[CertificateAuthoritiesSetup.Default] ?? CertCentralAuthority.TheName;
        return AcmeSetup.Read(configuration).FirstOrDefault(options => options.Name == chosen) is { } acme
            ? new CallCosts(
            [
                new($"acme/{chosen}/calls", acme.Calls, 7), new($"acme/{chosen}/orders", acme.Orders, 1),
            ])
            : new CallCosts([new(CertCentralAuthority.TheName, CallWindows.CertCentral, 3)]);
    }
}

/// <summary>One budget of calls.</summary>
/// <param name="Account">As <see cref="CallBudget"/> counts it.</param>
/// <param name="Windows">What it allows.</param>
/// <param name="PerOrder">What a successor takes of it.</param>
internal sealed record BudgetCost(string Account, CallWindows Windows, int PerOrder);
