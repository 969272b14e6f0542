// Proof of fvgm_scheduler_semaphores: 2 contexts, semaphores 0 to 3 of 16 bits, 3 units.
//
// For any completions, reads and clears; s is any semaphore of any context:
//   count     every read of s gives the number of completions of s that were accepted since its context
//             was cleared, modulo 2^16; semaphore 0 is always 0;
//   accept    of the units that offer a completion one is accepted in each cycle.
// Assumed: a context is cleared when it offers no completion (proof of fvgm_scheduler_contexts).
// Method: induction of depth 1, so unbounded. Inner = 0 leaves out the assertions on registers.
module fvgm_scheduler_semaphores_formal
  import fvgm_scheduler_pkg::*;
#(
  parameter bit Inner = 1'b1
) (
  input logic                        clk_i,
  input logic                        rst_ni,
  input logic                        s_context_i,  // any semaphore
  input logic [1:0]                  s_id_i,
  input logic                        clear_valid_i,
  input logic                        clear_context_i,
  input logic [2:0]                  retire_valid_i,
  input logic [2:0][0:0]             retire_context_i,
  input logic [2:0][1:0]             retire_sem_i,
  input logic [2:0][0:0]             read_context_i,
  input logic [2:0][1:0]             read_id_i
);

  logic [2:0] retire_ready;
  logic [2:0][SemIdW-1:0] retire_sem, read_id;
  logic [2:0][SemW-1:0] read_value;

  always_comb begin
    for (int unsigned p = 0; p < 3; p++) begin
      retire_sem[p] = SemIdW'(retire_sem_i[p]);
      read_id[p] = SemIdW'(read_id_i[p]);
    end
  end

  fvgm_scheduler_semaphores #(
    .Contexts(2),
    .Ports(3)
  ) dut (
    .clk_i,
    .rst_ni,
    .clear_valid_i,
    .clear_context_i,
    .retire_valid_i,
    .retire_ready_o(retire_ready),
    .retire_context_i,
    .retire_sem_i(retire_sem),
    .read_context_i,
    .read_id_i(read_id),
    .read_value_o(read_value)
  );

  logic seen_reset_q, context_q;
  logic [1:0] id_q;
  logic [SemW-1:0] count_q;  // of s, as it should be
  logic [2:0] counts;        // completions of s in this cycle

  initial begin
    seen_reset_q = 1'b0;
  end

  always_comb begin
    for (int unsigned p = 0; p < 3; p++) begin
      counts[p] = retire_valid_i[p] && retire_ready[p] && retire_context_i[p] == context_q &&
                  retire_sem_i[p] == id_q && id_q != '0;
      if (clear_valid_i) assume (!retire_valid_i[p] || retire_context_i[p] != clear_context_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!seen_reset_q) begin
      context_q <= s_context_i;
      id_q <= s_id_i;
    end
    if (!rst_ni) seen_reset_q <= 1'b1;
    if (!rst_ni || (clear_valid_i && clear_context_i == context_q)) count_q <= '0;
    else count_q <= count_q + SemW'(counts[0]) + SemW'(counts[1]) + SemW'(counts[2]);
  end

  always_comb begin
    if (seen_reset_q && rst_ni) begin
      assert ((retire_ready & ~retire_valid_i) == '0);
      assert ((retire_valid_i != '0) == (retire_ready != '0));
      for (int unsigned p = 0; p < 3; p++) begin
        if (read_context_i[p] == context_q && read_id_i[p] == id_q) begin
          assert (read_value[p] == count_q);
        end
      end
    end
    if (Inner && seen_reset_q) begin
      if (dut.counted_q[context_q][SemIdW'(id_q)]) begin
        assert (dut.count_q[{context_q, SemIdW'(id_q)}] == count_q && id_q != '0);
      end else begin
        assert (count_q == '0);
      end
    end
  end

endmodule
