// Instruction fetch: reads a program over an AXI4 read channel into a prefetch FIFO.
//
// start_i clears the FIFO and begins at prog_base_i (64-byte aligned, checked before) with
// prog_len_i instructions of 64 bytes (two beats). Bursts are INCR, at most BurstInstrs
// instructions, never across 4 KiB, never outside [prog_base, prog_base + 64 * prog_len), issued
// only when the FIFO has room for the whole burst, so that RREADY is constant 1 and up to
// Depth / BurstInstrs bursts are outstanding (one ID, in order). While stop_i no new burst starts;
// those outstanding are taken. idle_o: nothing outstanding.
//
// Throughput: one instruction per two cycles. Latency: 3 cycles from the last beat to instr_valid_o.
// Errors: instr_error_o accompanies an instruction of which a beat had SLVERR or DECERR.
// exhausted_o: all prog_len_i instructions have been taken.
`include "fvgm_assert.svh"

module fvgm_scheduler_fetch #(
    parameter int unsigned Depth       = 16,  // instructions in the FIFO, power of two
    parameter int unsigned BurstInstrs = 8    // instructions per burst, power of two
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  logic                                      start_i,
    input  logic                                      stop_i,
    input  logic [fvgm_scheduler_pkg::AddrW-1:0]      prog_base_i,
    input  logic [31:0]                               prog_len_i,
    output logic                                      idle_o,
    output logic                                      exhausted_o,
    // instruction stream
    output logic                                      instr_valid_o,
    input  logic                                      instr_ready_i,
    output logic [fvgm_isa_pkg::InstrBits-1:0]        instr_o,
    output logic                                      instr_error_o,
    // AXI4 read channel, 256 bits
    output logic                                      m_axi_arvalid,
    input  logic                                      m_axi_arready,
    output logic [fvgm_scheduler_pkg::AddrW-1:0]      m_axi_araddr,
    output logic [7:0]                                m_axi_arlen,
    input  logic                                      m_axi_rvalid,
    output logic                                      m_axi_rready,
    input  logic [255:0]                              m_axi_rdata,
    input  logic [1:0]                                m_axi_rresp
);

  import fvgm_scheduler_pkg::*;

  localparam int unsigned PtrW = $clog2(Depth);
  localparam int unsigned BurstW = $clog2(BurstInstrs) + 1;
  localparam int unsigned InstrShift = 6;  // log2 of 64 bytes

  if (Depth < 2 * BurstInstrs || (Depth & (Depth - 1)) != 0) begin : g_depth
    $error("fvgm_scheduler_fetch: Depth must be a power of two, at least 2 * BurstInstrs");
  end
  if (BurstInstrs > 64 || (BurstInstrs & (BurstInstrs - 1)) != 0) begin : g_burst
    $error("fvgm_scheduler_fetch: BurstInstrs must be a power of two, at most 64");
  end

  // address generation
  logic [AddrW-InstrShift-1:0] next_q;  // next instruction to ask for, in units of 64 bytes
  logic [31:0] ask_q;                   // instructions not yet asked for
  logic [31:0] left_q;                  // instructions not yet taken by the decoder
  logic [PtrW:0] free_q;                // FIFO entries not promised to a burst
  logic [BurstW-1:0] burst;
  logic [PtrW:0] pending_q;             // instructions asked for and not yet received
  logic ask, arvalid_q;
  logic [AddrW-InstrShift-1:0] araddr_q;
  logic [BurstW-1:0] arlen_q;           // instructions of the burst

  // FIFO: one memory per half instruction
  logic [256:0] low_q[Depth];
  logic [256:0] high_q[Depth];
  logic half_q;
  logic [PtrW:0] write_q, read_q;
  logic beat, received, load, taken;
  logic instr_valid_q, instr_error_q;
  logic [fvgm_isa_pkg::InstrBits-1:0] instr_q;

  // A burst ends at the latest before its last instruction's 4 KiB page does: pages hold 64.
  always_comb begin
    logic [6:0] to_page;
    to_page = 7'd64 - {1'b0, next_q[5:0]};
    burst = BurstW'(BurstInstrs);
    if (ask_q < 32'(burst)) burst = ask_q[BurstW-1:0];
    if (to_page < 7'(burst)) burst = to_page[BurstW-1:0];
  end

  assign ask = !arvalid_q && !stop_i && ask_q != '0 && free_q >= (PtrW + 1)'(burst);
  assign beat = m_axi_rvalid && m_axi_rready;
  assign received = beat && half_q;
  assign load = (write_q != read_q) && (!instr_valid_q || instr_ready_i);
  assign taken = instr_valid_q && instr_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      arvalid_q <= 1'b0;
      ask_q <= '0;
      left_q <= '0;
      free_q <= (PtrW + 1)'(Depth);
      pending_q <= '0;
      half_q <= 1'b0;
      write_q <= '0;
      read_q <= '0;
      instr_valid_q <= 1'b0;
    end else if (start_i) begin
      ask_q <= prog_len_i;
      left_q <= prog_len_i;
      free_q <= (PtrW + 1)'(Depth);
      half_q <= 1'b0;
      write_q <= '0;
      read_q <= '0;
      instr_valid_q <= 1'b0;
    end else begin
      if (ask) begin
        arvalid_q <= 1'b1;
        ask_q <= ask_q - 32'(burst);
      end else if (m_axi_arready) begin
        arvalid_q <= 1'b0;
      end
      free_q <= free_q - (ask ? (PtrW + 1)'(burst) : '0) + (PtrW + 1)'(load);
      pending_q <= pending_q + (ask ? (PtrW + 1)'(burst) : '0) - (PtrW + 1)'(received);
      if (beat) half_q <= !half_q;
      if (received) write_q <= write_q + 1'b1;
      if (load) read_q <= read_q + 1'b1;
      if (load) instr_valid_q <= 1'b1;
      else if (instr_ready_i) instr_valid_q <= 1'b0;
      if (taken) left_q <= left_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) next_q <= prog_base_i[AddrW-1:InstrShift];
    else if (ask) next_q <= next_q + (AddrW - InstrShift)'(burst);
    if (ask) begin
      araddr_q <= next_q;
      arlen_q <= burst;
    end
    if (beat && !half_q) low_q[write_q[PtrW-1:0]] <= {m_axi_rresp[1], m_axi_rdata};
    if (beat && half_q) high_q[write_q[PtrW-1:0]] <= {m_axi_rresp[1], m_axi_rdata};
    if (load) begin
      instr_q <= {high_q[read_q[PtrW-1:0]][255:0], low_q[read_q[PtrW-1:0]][255:0]};
      instr_error_q <= high_q[read_q[PtrW-1:0]][256] || low_q[read_q[PtrW-1:0]][256];
    end
  end

  assign m_axi_arvalid = arvalid_q;
  assign m_axi_araddr = {araddr_q, InstrShift'(0)};
  assign m_axi_arlen = 8'({arlen_q, 1'b0} - 1'b1);
  assign m_axi_rready = 1'b1;
  assign idle_o = !arvalid_q && pending_q == '0;
  assign exhausted_o = left_q == '0;
  assign instr_valid_o = instr_valid_q;
  assign instr_o = instr_q;
  assign instr_error_o = instr_error_q;

  logic unused_bits;
  assign unused_bits = ^{m_axi_rresp[0], prog_base_i[InstrShift-1:0]};

  `FVGM_ASSERT(StartOnlyIdle, start_i |-> idle_o)
  `FVGM_ASSERT(AddressHeld, m_axi_arvalid && !m_axi_arready && !start_i |=>
               m_axi_arvalid && $stable(m_axi_araddr) && $stable(m_axi_arlen))
  `FVGM_ASSERT(NoUnaskedBeat, m_axi_rvalid |-> pending_q != '0)

endmodule
