namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>What the client's faults mean to the path.</summary>
internal static class CertCentralFaults
{
    /// <summary>A call that costs money: a lost answer must be looked up.</summary>
    public static async Task<T> PaidAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (CertCentralException e)
        {
            throw Translated(e, e.AnswerLost ? CaFailure.AnswerLost : CaFailure.NotDone);
        }
    }

    /// <summary>A read, or a call that does the same when repeated: a lost answer needs no look-up, only another
    /// try.</summary>
    public static async Task<T> FreeAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (CertCentralException e)
        {
            throw Translated(e, CaFailure.NotDone);
        }
    }

    private static CertificateAuthorityException Translated(CertCentralException e, CaFailure whenTransient)
    {
        var failure = e.CredentialRefused ? CaFailure.CredentialRefused
            : e.Result is "no_budget" or "rate_limited" ? CaFailure.NoBudget
            : e.Transient ? whenTransient
            : CaFailure.Refused;
        return new CertificateAuthorityException(
            failure, e.Message, e.Errors.Count > 0 ? e.Errors[0].Code : null, e.RetryAfter, e);
    }
}
