// Performance counters of a core: 32 bits each, wrapping; cycles has 64.
//
// clear_i zeroes all, enable_i lets them count the events of the present cycle. No errors.
module fvgm_scheduler_counters (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          clear_i,
    input  logic                          enable_i,
    input  fvgm_scheduler_pkg::events_t   events_i,
    output fvgm_scheduler_pkg::counters_t counters_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  counters_t count_d, count_q;
  logic carry_q;  // the low half of cycles is all ones

  always_comb begin
    count_d = count_q;
    count_d.cycles[31:0] = count_q.cycles[31:0] + 32'd1;
    count_d.cycles[63:32] = count_q.cycles[63:32] + 32'(carry_q);
    count_d.read_beats = count_q.read_beats + 32'(events_i.read_beat);
    count_d.write_beats = count_q.write_beats + 32'(events_i.write_beat);
    count_d.fetch_beats = count_q.fetch_beats + 32'(events_i.fetch_beat);
    count_d.mpu_stall_operand = count_q.mpu_stall_operand + 32'(events_i.mpu_stall_operand);
    count_d.mpu_stall_drain = count_q.mpu_stall_drain + 32'(events_i.mpu_stall_drain);
    count_d.sfu_stall = count_q.sfu_stall + 32'(events_i.sfu_stall);
    count_d.su_rows = count_q.su_rows + 32'(events_i.su_rows);
    count_d.su_kept = count_q.su_kept + 32'(events_i.su_kept);
    for (int unsigned u = 0; u < NumUnits; u++) begin
      count_d.per_unit[u].busy = count_q.per_unit[u].busy + 32'(events_i.busy[u]);
      count_d.per_unit[u].stall_dep = count_q.per_unit[u].stall_dep + 32'(events_i.stall_dep[u]);
      count_d.per_unit[u].idle = count_q.per_unit[u].idle + 32'(events_i.idle[u]);
      count_d.per_unit[u].instructions =
          count_q.per_unit[u].instructions + 32'(events_i.instructions[u]);
      count_d.per_unit[u].idle_task = count_q.per_unit[u].idle_task + 32'(events_i.idle_task[u]);
      for (int unsigned s = 0; s < NumStalls; s++) begin
        count_d.per_unit[u].stall_on[s] = count_q.per_unit[u].stall_on[s] +
            32'(events_i.stall_dep[u] && events_i.stall_on[u] == 3'(s));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      count_q <= '0;
      carry_q <= 1'b0;
    end else if (enable_i) begin
      count_q <= count_d;
      carry_q <= count_q.cycles[31:0] == 32'hFFFF_FFFE;
    end
  end

  assign counters_o = count_q;

endmodule
