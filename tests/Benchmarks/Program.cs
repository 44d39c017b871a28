using Benchmarks;

// Its own time-out after a Ctrl-C is switched off: what was started is ended in order, and that may take seconds.
return await CommandLine.Create().Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = null });
