// Life of a core: own programs and sessions of the task queue, error, soft reset; the first error and
// the watchdog.
//
// start_i is accepted in Idle only: PROG_BASE and PROG_LEN are checked, counters and the last outcome
// are cleared, context 0 starts (launch_o). When it is over (over_i) and the AXI ports are idle the
// program is done. session_i, seen in Idle, clears counters and outcome likewise; the core then takes
// tasks (open_o) until session_i falls. The first of the errors below stops dispatch (run_o low), halts the units
// (halt_o), waits until the AXI ports have been idle for SettleCycles and then reports; only a soft
// reset leaves Error. Soft reset, from any state: halt, wait likewise, hold core_rst_no low for
// ResetCycles, then Idle. Registers, counters and buffer contents survive it.
//
// Errors of one cycle rank: READ_ERROR, WRITE_ERROR, front end (fetch, check), COUNT_RANGE, DEADLOCK.
// DEADLOCK: for the WATCHDOG cycles (0: never) instructions waited, no unit worked, nothing was
// dispatched.
`include "fvgm_assert.svh"

module fvgm_scheduler_control #(
    parameter int unsigned SettleCycles = 8,  // a request in a pipeline shows on its port by then
    parameter int unsigned ResetCycles  = 4
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,
    input  fvgm_scheduler_pkg::ctrl_t            ctrl_i,
    // what the others report
    input  logic                                 session_i,       // the task queue runs a table
    input  logic                                 over_i,          // no context has a task
    input  logic                                 progress_i,      // a unit works or something moved
    input  logic                                 waiting_i,       // instructions wait
    input  logic                                 axi_idle_i,      // nothing outstanding on any port
    input  logic                                 read_error_i,
    input  fvgm_scheduler_pkg::error_t           read_error_info_i,
    input  logic                                 write_error_i,
    input  fvgm_scheduler_pkg::error_t           write_error_info_i,
    input  logic                                 front_error_i,
    input  fvgm_scheduler_pkg::error_t           front_error_info_i,
    input  logic                                 count_error_i,
    input  fvgm_scheduler_pkg::error_t           count_error_info_i,
    input  fvgm_scheduler_pkg::error_t           deadlock_info_i,
    // what the others obey
    output logic                                 clear_o,         // pulse: clear the counters
    output logic                                 launch_o,        // pulse: start the own program
    output logic                                 open_o,          // tasks may start
    output logic                                 run_o,           // dispatch may go on
    output logic                                 halt_o,
    output logic                                 stop_fetch_o,
    output logic                                 count_o,         // counters run
    output logic                                 core_rst_no,
    output fvgm_scheduler_pkg::status_t          status_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned TimerW = $clog2(SettleCycles + ResetCycles + 1);

  typedef enum logic [3:0] {
    StIdle,
    StCheck,      // PROG_BASE, PROG_LEN
    StRun,        // the own program
    StDrain,      // it is over; the AXI ports are not yet idle
    StSession,
    StHalt,       // error: wait for the AXI ports
    StError,
    StResetWait,  // soft reset: wait for the AXI ports
    StReset       // hold the core's reset
  } state_e;

  state_e state_d, state_q;
  logic active, error, done_q, set_done, set_error, clear_outcome;
  logic [TimerW-1:0] timer_d, timer_q;
  logic [31:0] watch_q;
  logic deadlock, watched;
  error_t error_info, program_info, error_q;
  logic program_error;

  assign active = state_q == StRun || state_q == StDrain || state_q == StSession;
  assign watched = (state_q == StRun || state_q == StSession) && waiting_i && !progress_i;
  assign deadlock = watched && ctrl_i.watchdog != '0 && watch_q >= ctrl_i.watchdog;

  always_comb begin
    program_info = '0;
    program_info.unit = UnitNone;
    program_info.addr = ctrl_i.prog_base;
    program_info.cause = program_cause(ctrl_i.prog_base, ctrl_i.prog_len, ctrl_i.windows);
    program_error = state_q == StCheck && program_info.cause != CauseNone;
  end

  always_comb begin
    error = 1'b1;
    error_info = program_info;
    if (active && read_error_i) error_info = read_error_info_i;
    else if (active && write_error_i) error_info = write_error_info_i;
    else if (active && front_error_i) error_info = front_error_info_i;
    else if (active && count_error_i) error_info = count_error_info_i;
    else if (deadlock) error_info = deadlock_info_i;
    else error = program_error;
  end

  always_comb begin
    state_d = state_q;
    timer_d = '0;
    set_done = 1'b0;
    set_error = 1'b0;
    clear_outcome = 1'b0;
    launch_o = 1'b0;
    clear_o = 1'b0;
    case (state_q)
      StIdle: begin
        if (session_i) begin
          state_d = StSession;
          clear_outcome = 1'b1;
          clear_o = 1'b1;
        end else if (ctrl_i.start) begin
          state_d = StCheck;
          clear_outcome = 1'b1;
        end
      end
      StCheck: begin
        state_d = StRun;
        launch_o = !program_error && !ctrl_i.soft_reset;
        clear_o = launch_o;
      end
      StRun: if (over_i) state_d = StDrain;
      StDrain: begin
        if (axi_idle_i) begin
          state_d = StIdle;
          set_done = !ctrl_i.soft_reset && !error;
        end
      end
      StSession: begin
        if (!session_i && over_i) begin
          state_d = StIdle;
          set_done = !ctrl_i.soft_reset && !error;
        end
      end
      StHalt: begin
        if (axi_idle_i) timer_d = timer_q + 1'b1;
        if (timer_q == TimerW'(SettleCycles)) begin
          state_d = StError;
          set_error = !ctrl_i.soft_reset;
        end
      end
      StError: ;
      StResetWait: begin
        if (axi_idle_i) timer_d = timer_q + 1'b1;
        if (timer_q == TimerW'(SettleCycles)) begin
          state_d = StReset;
          timer_d = '0;
        end
      end
      default: begin  // StReset
        timer_d = timer_q + 1'b1;
        if (timer_q == TimerW'(ResetCycles)) state_d = StIdle;
      end
    endcase
    if (error) state_d = StHalt;
    if (ctrl_i.soft_reset && state_q != StResetWait && state_q != StReset) begin
      state_d = StResetWait;
      timer_d = '0;
      clear_outcome = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      timer_q <= '0;
      watch_q <= '0;
      done_q <= 1'b0;
      error_q <= '0;
      core_rst_no <= 1'b0;
      status_o.irq_done <= 1'b0;
      status_o.irq_error <= 1'b0;
    end else begin
      state_q <= state_d;
      timer_q <= timer_d;
      watch_q <= watched ? watch_q + 1'b1 : '0;
      if (clear_outcome) done_q <= 1'b0;
      else if (set_done) done_q <= 1'b1;
      if (clear_outcome) error_q <= '0;
      else if (error) error_q <= error_info;
      core_rst_no <= state_q != StReset;
      status_o.irq_done <= set_done && state_q == StDrain;
      status_o.irq_error <= set_error;
    end
  end

  assign run_o = state_q == StRun || state_q == StSession;
  assign open_o = state_q == StSession && session_i;
  assign halt_o = state_q == StHalt || state_q == StError || state_q == StResetWait ||
                  state_q == StReset;
  assign stop_fetch_o = !(state_q == StCheck || state_q == StRun || state_q == StSession);
  assign count_o = state_q == StCheck || active;
  assign status_o.idle = state_q == StIdle;
  assign status_o.busy = state_q == StCheck || active || state_q == StHalt;
  assign status_o.done = done_q;
  assign status_o.error = state_q == StError;
  assign status_o.resetting = state_q == StResetWait || state_q == StReset;
  assign status_o.first_error = error_q;

  `FVGM_ASSERT(ResetOnlyAxiIdle, !core_rst_no |-> axi_idle_i)
  `FVGM_ASSERT(ErrorHasCause, status_o.error |-> status_o.first_error.cause != CauseNone)
  `FVGM_ASSERT(ReadErrorFirst, active && read_error_i && !ctrl_i.soft_reset |=>
               status_o.first_error.cause == CauseReadError)
  `FVGM_ASSERT(CountErrorBehindFront,
               active && count_error_i && !read_error_i && !write_error_i && !front_error_i &&
               !ctrl_i.soft_reset |=> status_o.first_error.cause == CauseCountRange && halt_o)
  `FVGM_ASSERT(NeverTwoStates,
               $onehot({status_o.idle, status_o.busy, status_o.error, status_o.resetting}))

endmodule
