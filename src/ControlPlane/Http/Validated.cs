using FluentValidation;
using FluentValidation.Results;

namespace ControlPlane.Http;

/// <summary>Runs the validator of a route's body before the route. All faults are told at once.</summary>
internal static class Validated
{
    /// <summary>Validates the argument of type <typeparamref name="T"/>. A failure whose code is a problem of its own
    /// becomes that problem; others become <see cref="Problems.InvalidField"/>.</summary>
    public static RouteHandlerBuilder Validate<T>(this RouteHandlerBuilder route)
        where T : class => route.AddEndpointFilter(async (call, next) =>
        {
            var body = call.Arguments.OfType<T>().Single();
            var result = await call.HttpContext.RequestServices.GetRequiredService<IValidator<T>>()
                .ValidateAsync(body, call.HttpContext.RequestAborted);
            return Refuse(result) is { } problem ? problem : await next(call);
        });

    /// <summary>Null when nothing is wrong.</summary>
    public static Problem? Refuse(ValidationResult result) => result.IsValid ? null : Explain(result.Errors);

    /// <summary>Fails with a problem of its own.</summary>
    /// <param name="context">The validation under way.</param>
    /// <param name="problem">What is wrong.</param>
    public static void Fail<T>(this ValidationContext<T> context, Problem problem) =>
        context.AddFailure(new ValidationFailure(context.PropertyPath, problem.Detail)
        {
            ErrorCode = problem.Kind.Code,
            CustomState = problem,
        });

    private static Problem Explain(List<ValidationFailure> failures)
    {
        var errors = failures.ConvertAll(failure => new FieldProblem(
            Camel(failure.PropertyName),
            failure.CustomState is Problem own ? own.Kind.Code : Problems.InvalidField.Code,
            failure.ErrorMessage));
        var first = failures.Select(failure => failure.CustomState).OfType<Problem>().FirstOrDefault();
        return (first ?? Problems.InvalidField.With(string.Join(' ', failures.Select(failure => failure.ErrorMessage))))
            with
        { Errors = errors };
    }

    private static string Camel(string path) => string.Join('.', path.Split('.').Select(
        name => name.Length == 0 ? name : char.ToLowerInvariant(name[0]) + name[1..]));
}
