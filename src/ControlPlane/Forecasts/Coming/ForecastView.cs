namespace ControlPlane.Forecasts.Coming;

/// <summary>Calls to CertCentral to come, against its budget. Other CAs have budgets of their own.</summary>
/// <param name="From">The hour that has begun (UTC).</param>
/// <param name="Days">How far it looks.</param>
/// <param name="CallsPerOrder">To CertCentral.</param>
/// <param name="BudgetPerHour">Calls that all orders together may make.</param>
/// <param name="RenewalBudgetPerHour">The part of it for renewals and imported names.</param>
/// <param name="Domains">Served domains whose renewal goes there.</param>
/// <param name="DomainsElsewhere">Served domains whose renewal goes to another CA; counted nowhere else.</param>
/// <param name="OpenOrders">Orders under way; their calls count as due now.</param>
/// <param name="PendingImportRows">Imported names that are not registered yet; their calls count as due now.</param>
/// <param name="FirstHourThatDoesNotFit">The first hour at whose end calls wait; null when all fits.</param>
/// <param name="Hours">Each hour, in order.</param>
internal sealed record ForecastView(
    DateTimeOffset From, int Days, int CallsPerOrder, int BudgetPerHour, int RenewalBudgetPerHour, int Domains,
    int DomainsElsewhere, int OpenOrders, int PendingImportRows, DateTimeOffset? FirstHourThatDoesNotFit,
    IReadOnlyList<ForecastHour> Hours);

/// <summary>One hour of the forecast.</summary>
/// <param name="At">Its beginning (UTC).</param>
/// <param name="Renewals">Renewals that are planned for it.</param>
/// <param name="Calls">Calls that will be made in it.</param>
/// <param name="CallsWaiting">Calls that do not fit into it and wait for a later one.</param>
internal sealed record ForecastHour(DateTimeOffset At, int Renewals, long Calls, long CallsWaiting);
