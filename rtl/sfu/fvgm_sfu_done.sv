// Ends of batches and commands of the sfu.
//
// A bank is free when the last group of its batch has left the store (left_i) and, SOFTMAX, the last
// 1/sum is written (scaled_i), in either order. done_o pulses once per command, in order, when its last
// unit was accepted (units_done_i) and, SOFTMAX, its last 1/sum is written. start_ok_o: another command
// may begin (started_i). No error outputs.
module fvgm_sfu_done
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic   clk_i,
    input  logic   rst_ni,
    input  batch_t batch_i[Banks],

    output logic start_ok_o,
    input  logic started_i,
    input  logic started_exp_i,

    input logic                left_i,
    input logic [BankBits-1:0] left_bank_i,
    input logic                scaled_i,
    input logic [BankBits-1:0] scaled_bank_i,
    input logic                units_done_i,

    output logic [Banks-1:0] bank_free_o,
    input  logic             pending_i,
    output logic             done_o,
    output logic             busy_o
);

  localparam int unsigned MaxCommands = 8;
  localparam int unsigned CountBits = $clog2(MaxCommands + 1);

  // Banks
  logic [Banks-1:0] left_d, left_q, scaled_d, scaled_q;

  always_comb begin
    left_d = left_q;
    scaled_d = scaled_q;
    if (left_i) left_d[left_bank_i] = 1'b1;
    if (scaled_i) scaled_d[scaled_bank_i] = 1'b1;
    for (int unsigned i = 0; i < Banks; i++) begin
      bank_free_o[i] = left_d[i] && (scaled_d[i] || batch_i[i].op != SfuSoftmax);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
      scaled_q <= '0;
    end else begin
      left_q <= left_d & ~bank_free_o;
      scaled_q <= scaled_d & ~bank_free_o;
    end
  end

  // Commands under way, oldest first: is it a SOFTMAX?
  logic [MaxCommands-1:0] exp_q;
  logic [CountBits-1:0] count_q, units_done_q, exp_done_q;
  logic exp_done;

  assign exp_done = scaled_i && batch_i[scaled_bank_i].cmd_last;
  assign done_o = units_done_q != '0 && (!exp_q[0] || exp_done_q != '0);
  assign start_ok_o = count_q != CountBits'(MaxCommands);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      units_done_q <= '0;
      exp_done_q <= '0;
    end else begin
      count_q <= count_q + CountBits'(started_i) - CountBits'(done_o);
      units_done_q <= units_done_q + CountBits'(units_done_i) - CountBits'(done_o);
      exp_done_q <= exp_done_q + CountBits'(exp_done) - CountBits'(done_o && exp_q[0]);
    end
    if (done_o) exp_q <= {1'b0, exp_q[MaxCommands-1:1]};
    if (started_i) exp_q[$clog2(MaxCommands)'(count_q-CountBits'(done_o))] <= started_exp_i;
  end

  assign busy_o = pending_i || count_q != '0;

endmodule
