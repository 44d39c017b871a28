using LocalFleet.Up;

// Its own time-out after a Ctrl-C is switched off: the parts are ended in order, and that may take a few seconds.
return await CommandLine.Create().Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = null });
